"""`hf download` from the node beside the same client from nginx, which replays the node's captured answers and sends its files.

Xet: nginx answers with the captured token, tree and reconstructions (addresses rewritten) and serves the very xorbs. Plain: it
answers HEAD and GET of the file with the captured headers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.clients import Client
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.ports import own_port

from bench.common import Bench, Row, client, clock, interleave, ratio

REPO = "admin/big"
_CONF = """
daemon off; pid {folder}/replay.pid; error_log {folder}/replay.log; user root; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; etag off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_range $span {{ default none; {spans} }}
  server {{
    listen 127.0.0.1:{port};
    {locations}
    location /xorbs/ {{ alias {objects}/xorbs/; max_ranges 1; }}
    location / {{ return 404; }}
  }}
}}
"""


class Replay:
    """Captures the answers a client needs for one file and replays them from nginx."""

    def __init__(self, bench: Bench, node: LiveNode, big: Path) -> None:
        self.folder = bench.folder / "replay"
        self.folder.mkdir()
        self.node, self.big, self.port = node, big, own_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.locations: list[str] = []
        self.spans: list[str] = []

    def ask(self, url: str, *, token: str = ADMIN_TOKEN, span: str = "", method: str = "GET") -> tuple[dict[str, str], bytes]:
        """Return headers and body of one answer of the node."""
        headers = {"Authorization": f"Bearer {token}"} | ({"Range": span} if span else {})
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers, method=method)) as response:
            return dict(response.headers), response.read()

    def local(self, body: bytes) -> bytes:
        """Return a captured body with the node's address replaced by nginx's."""
        return body.replace(self.node.url.encode(), self.url.encode())

    def static(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer `path` with `body`."""
        name = self.folder / f"answer-{len(self.locations)}.json"
        name.write_bytes(self.local(body))
        lines = "".join(f"add_header {key} '{value}'; " for key, value in (headers or {}).items())
        self.locations.append(f"location = {path} {{ default_type application/json; alias {name}; {lines} max_ranges 0; }}")

    def capture(self, *, xet: bool) -> None:
        """Record everything `hf download` of the repository asks."""
        _, body = self.ask(f"{self.node.url}/api/models/{REPO}/revision/main")
        rev = json.loads(body)["sha"]
        for name in ("main", rev):
            self.static(f"/api/models/{REPO}/revision/{name}", body)
        _, tree = self.ask(f"{self.node.url}/api/models/{REPO}/tree/{rev}?recursive=true&expand=false")
        self.static(f"/api/models/{REPO}/tree/{rev}", tree)
        for entry in json.loads(tree):
            self._file(entry["path"], rev, xet=xet)
        if xet:
            self._xet(rev, next(entry["xetHash"] for entry in json.loads(tree) if entry["path"] == "big.bin"))

    def _file(self, path: str, rev: str, *, xet: bool) -> None:
        headers, _ = self.ask(f"{self.node.url}/{REPO}/resolve/{rev}/{path}", method="HEAD")
        wanted = ["X-Repo-Commit", "ETag", "X-Linked-Etag", "X-Linked-Size"] + (["X-Xet-Hash", "Link"] if xet else [])
        kept = {key: value.replace(self.node.url, self.url) for key, value in headers.items() if key.title() in _titles(wanted)}
        file = self.big
        if path != "big.bin":
            file = self.folder / path
            file.write_bytes(self.ask(f"{self.node.url}/{REPO}/resolve/{rev}/{path}")[1])
        lines = "".join(f"add_header {key} '{value}'; " for key, value in kept.items())
        self.locations.append(f"location = /{REPO}/resolve/{rev}/{path} {{ alias {file}; {lines} }}")

    def _xet(self, rev: str, xet: str) -> None:
        headers, body = self.ask(f"{self.node.url}/api/models/{REPO}/xet-read-token/{rev}")
        token = json.loads(body)
        cas = {key: value.replace(self.node.url, self.url) for key, value in headers.items() if key.lower().startswith("x-xet")}
        for name in (rev, "main"):
            self.static(f"/api/models/{REPO}/xet-read-token/{name}", body, cas)
        prefix = token["casUrl"].removeprefix(self.node.url)
        for version in ("v1", "v2"):
            path = f"{prefix}/{version}/reconstructions/{xet}"
            for span in self._spans():
                self._reconstruction(path, token, span)
            answer = f"default_type application/json; max_ranges 0; try_files /none {path}/$span =404; root {self.folder};"
            self.locations.append(f"location = {path} {{ {answer} }}")

    def _spans(self) -> list[str]:
        log = (self.node.folder / "spans.txt").read_text().split()
        return sorted({span for span in log if span.startswith("bytes=")})

    def _reconstruction(self, path: str, token: dict[str, str], span: str) -> None:
        _, body = self.ask(self.node.url + path, token=token["accessToken"], span=span)
        name = f"s{len(self.spans)}"
        if not any(f'"{span}"' in line for line in self.spans):
            self.spans.append(f'"{span}" {name};')
        else:
            name = next(line.split()[1].rstrip(";") for line in self.spans if f'"{span}"' in line)
        file = self.folder / path.strip("/") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_to_static(json.loads(self.local(body)), self.url))

    @contextmanager
    def serve(self) -> Iterator[LiveNode]:
        """Run nginx with what was captured; yields something that clients can be pointed at."""
        conf = self.folder / "replay.conf"
        conf.write_text(
            _CONF.format(
                folder=self.folder, port=self.port, spans="".join(self.spans), locations="\n".join(self.locations),
                objects=self.node.data / "objects",
            )
        )  # fmt: skip
        process = subprocess.Popen(["/usr/sbin/nginx", "-p", str(self.folder), "-c", str(conf), "-e", str(self.folder / "e.log")])
        stand_in = LiveNode(self.folder)
        stand_in.url = self.url
        try:
            yield stand_in
        finally:
            process.terminate()
            process.wait()


def _titles(names: list[str]) -> set[str]:
    return {name.title() for name in names}


def _to_static(answer: dict[str, object], url: str) -> bytes:
    """Point every xorb address of a reconstruction at nginx's own file of that xorb."""
    for key in ("fetch_info", "xorbs"):
        for xorb, infos in answer.get(key, {}).items():  # type: ignore[attr-defined]
            for info in infos:
                info["url"] = f"{url}/xorbs/{xorb[:2]}/{xorb}"
    return json.dumps(answer).encode()


def _download(one: Client, folder: Path) -> float:
    shutil.rmtree(one.home, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    with clock() as took:
        one.hf("download", REPO, "--local-dir", folder)
    return took[0]


def run(bench: Bench) -> list[Row]:
    """Compare wall times of whole downloads."""
    big = bench.random_file()
    rows = []
    with bench.node() as node:
        client(bench, node).hf("upload", REPO, big)
        for xet in (False, True):
            one = Bench(bench.folder / ("xet" if xet else "http"), bench.size, 1)
            one.folder.mkdir()
            (node.folder / "spans.txt").write_text("\n".join(_asked_spans(bench, node)) if xet else "")
            replay = Replay(one, node, big)
            replay.capture(xet=xet)
            with replay.serve() as front:
                ours, theirs = client(one, node, "a", xet=xet), client(one, front, "b", xet=xet)
                out = one.folder / "out"
                found = interleave(bench.rounds, hanse=lambda: _download(ours, out), nginx=lambda: _download(theirs, out))  # noqa: B023
                assert (out / "big.bin").stat().st_size == bench.size
            name = "with Xet" if xet else "without Xet"
            rows.append(Row(f"hf download {name}, seconds", str(found["hanse"])))
            rows.append(Row("the same from nginx, seconds", str(found["nginx"])))
            rows.append(Row(f"ratio {name}", ratio(found["hanse"], found["nginx"]), "<= 1.15 x"))
    return rows


def _asked_spans(bench: Bench, node: LiveNode) -> list[str]:
    """Return the Range headers of the reconstruction queries of one real download, seen through a recording relay."""
    from tests.support.relay import Recorder

    with Recorder(node.port) as relay:
        seen = LiveNode(node.folder)
        seen.url = relay.url
        _download(client(bench, seen, "record"), bench.folder / "recorded")
        return relay.ranges(b"/reconstructions/")
