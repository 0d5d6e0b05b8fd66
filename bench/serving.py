"""Server CPU per GiB served: xorb ranges and plain GET beside nginx with sendfile."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.tls import nginx

from bench.common import GIB, Bench, Row, client, cpu_seconds, curl, interleave, pid_of


def xorb_urls(node: LiveNode, repo: str, size: int) -> list[tuple[str, int, int]]:
    """Return (address, first byte, last byte) of every xorb range that holds the file."""
    token = _json(f"{node.url}/api/models/{repo}/xet-read-token/main", ADMIN_TOKEN)
    tree = _json(f"{node.url}/api/models/{repo}/tree/main", ADMIN_TOKEN)
    xet = next(entry["xetHash"] for entry in tree if entry["path"] == "big.bin")
    answer = _json(f"{token['casUrl']}/v1/reconstructions/{xet}", token["accessToken"], f"bytes=0-{size - 1}")
    infos = [info for infos in answer["fetch_info"].values() for info in infos]
    return [(info["url"], info["url_range"]["start"], info["url_range"]["end"]) for info in infos]


def _json(url: str, token: str, span: str = "") -> dict:  # type: ignore[type-arg]
    headers = {"Authorization": f"Bearer {token}"} | ({"Range": span} if span else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
        return json.loads(response.read())  # type: ignore[no-any-return]


def run(bench: Bench) -> list[Row]:
    """Measure CPU-seconds of the serving processes per GiB."""
    big = bench.random_file()
    with bench.node() as node, nginx(bench.folder / "nginx", node.url, bench.folder, user="user root;") as front:
        client(bench, node).hf("upload", "admin/big", big)
        urls = xorb_urls(node, "admin/big", bench.size)
        static = bench.folder / "nginx" / "html"
        static.mkdir()
        (static / "big.bin").symlink_to(big)
        per = bench.size / GIB
        server = pid_of(node)
        workers = int((bench.folder / "nginx" / "nginx.pid").read_text())

        def ranges() -> float:
            before = cpu_seconds(server)
            for url, start, end in urls:
                curl(url, start=start, end=end)
            return (cpu_seconds(server) - before) / per

        def plain() -> float:
            before = cpu_seconds(server)
            curl(f"{node.url}/admin/big/resolve/main/big.bin", token=ADMIN_TOKEN)
            return (cpu_seconds(server) - before) / per

        def peer() -> float:
            before = cpu_seconds(workers)
            curl(f"{front}/_static/big.bin")
            return (cpu_seconds(workers) - before) / per

        found = interleave(bench.rounds, ranges=ranges, plain=plain, nginx=peer)
    return [
        Row("CPU-s/GiB, xorb ranges", str(found["ranges"]), "<= 0.3"),
        Row("CPU-s/GiB, plain GET", str(found["plain"]), "<= 0.7"),
        Row("CPU-s/GiB, nginx sendfile", str(found["nginx"]), "0.1 to 0.2"),
    ]


__all__ = ["Path", "run", "xorb_urls"]
