"""An upstream that is killed, comes back, is rewritten, is swapped for another: behind a node, and behind `hanse mirror --watch`.

Under `hanse run` alone: tests/compat/test_run_chains.py.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.services.clients import client_hf
from tests.support.clients import tree_bytes
from tests.support.forked import ForkedNode, Mother, forked_node
from tests.support.live import LiveNode
from tests.support.ports import own_port
from tests.support.rawhttp import RawClient
from tests.support.running import Runner
from tests.support.served import until
from tests.support.upstreams import impostor

from hanse.conform.origin import HubOrigin

pytestmark = pytest.mark.soak  # real nodes, real clients, several starts each
NAME = "ada/m"
FILES = [{"config.json": b'{"v": %d}' % n, "weights.txt": b"%d" % n * 200_000} for n in range(4)]


_FETCH = """
import os, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
sys.stdout.buffer.write(opener.open(f"{os.environ['HF_ENDPOINT']}/{sys.argv[1]}/resolve/main/weights.txt").read())
"""


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({NAME: FILES[0]}, port=own_port()) as origin:
        yield origin


def _weights(node: LiveNode, revision: str = "main") -> tuple[int, str, bytes]:
    """Return status, warning and bytes of the answer for a file."""
    with RawClient(urlsplit(node.url).port or 0) as client:
        answer = client("GET", f"/{NAME}/resolve/{revision}/weights.txt")
        return answer.status, answer.headers.get("x-hf-warning", ""), answer.body


def _through(folder: Path, origin: HubOrigin) -> dict[str, str]:
    (folder / "hanse").mkdir(parents=True)
    return {"HANSE_UPSTREAM": origin.url, "HANSE_HOME": str(folder / "hanse"), "HANSE_UPSTREAM_MIRROR_BYTES": "0"}


def test_behind_a_node(origin: HubOrigin, mother: Mother, tmp_path: Path) -> None:
    """Origin, node, gateway: what was seen stays to be had by its commit id, and true; what is new comes once it is back."""
    old = origin.repo(NAME).refs["refs/heads/main"]
    with forked_node(mother, tmp_path / "node", environ=_through(tmp_path / "node", origin)) as node:
        assert _weights(node)[::2] == (200, FILES[0]["weights.txt"])
        origin.stop()
        until(lambda: "as of 20" in _weights(node)[1])
        assert _weights(node)[::2] == (200, FILES[0]["weights.txt"])
        _restarted(node)
        assert _weights(node)[::2] == (200, FILES[0]["weights.txt"]), "a node that begins while its upstream is away"
        origin.commit(NAME, FILES[1])
        origin.start()
        until(lambda: _weights(node)[2] == FILES[1]["weights.txt"])
        origin.rewrite(NAME, FILES[2])
        until(lambda: _weights(node)[2] == FILES[2]["weights.txt"])
        assert _weights(node, old)[::2] == (200, FILES[0]["weights.txt"])
        with impostor(origin, NAME, FILES[3]):
            assert _weights(node)[2] != FILES[3]["weights.txt"]
            assert _weights(node, old)[::2] == (200, FILES[0]["weights.txt"])
            user = Runner(tmp_path / "user", ("--upstream", node.url))
            user.run(
                client_hf("hub2"), "download", NAME, "weights.txt", "--revision", old, "--local-dir", tmp_path / "out"
            ).good()
        assert tree_bytes(tmp_path / "out") == {"weights.txt": FILES[0]["weights.txt"]}


def _restarted(node: ForkedNode) -> None:
    node.kill()
    node.start()


def test_behind_a_mirror(origin: HubOrigin, mother: Mother, tmp_path: Path) -> None:
    """`hanse mirror --watch` says each of it, goes on through all of it, and the node beside it serves every revision seen."""
    old = origin.repo(NAME).refs["refs/heads/main"]
    with forked_node(mother, tmp_path) as node, _watching(node, origin, tmp_path) as wait:
        assert wait(lambda said: said.get("rev"))["rev"] == old
        origin.stop()
        assert wait(lambda said: said.get("error"))["error"] in ("PeerDown", "PeerTooSlow")
        status, warning, data = _weights(node)
        assert (status, "as of 20" in warning, data) == (200, True, FILES[0]["weights.txt"])
        new = origin.commit(NAME, FILES[1])
        origin.start()
        assert wait(lambda said: said.get("rev") == new)["ref"] == "refs/heads/main"
        made = origin.rewrite(NAME, FILES[2])
        assert wait(lambda said: said.get("rev") == made)["rewritten"] == new
        with impostor(origin, NAME, FILES[3]):
            for _ in range(2):
                said = wait(lambda said: said.get("error") == "Integrity")["message"]
                assert "is not what upstream said first" in said, "other files of the same commit id are noticed in each round"
            assert _weights(node)[::2] == (200, FILES[2]["weights.txt"])
        with HubOrigin({NAME: FILES[3]}, port=origin.port) as other:
            swapped = other.repo(NAME).refs["refs/heads/main"]
            assert wait(lambda said: said.get("rev") == swapped)["rewritten"] == made
        for rev, files in ((old, FILES[0]), (new, FILES[1]), (made, FILES[2])):
            assert _weights(node, rev)[::2] == (200, files["weights.txt"])
        notices = json.loads(node.get(f"/api/models/{NAME}/notices")[1])
        assert "history-rewritten" in json.dumps(notices)


Said = dict[str, Any]


@contextmanager
def _watching(node: LiveNode, origin: HubOrigin, home: Path) -> Iterator[Callable[[Callable[[Said], object]], Said]]:
    """Run `hanse mirror --watch`; gives what waits until it says something of a kind, and returns that."""
    command = [sys.executable, "-m", "hanse", "mirror", NAME, "--from", origin.url, "--data", str(node.data)]
    environ = {**os.environ, "HANSE_HOME": str(home)}
    lines: queue.Queue[str] = queue.Queue()
    with subprocess.Popen([*command, "--watch", "--every", "1", "--json"], env=environ, stdout=subprocess.PIPE, text=True) as run:
        out = run.stdout
        assert out is not None
        reading = threading.Thread(target=_read_lines, args=(out, lines), daemon=True)
        reading.start()

        def wait(wanted: Callable[[Said], object]) -> Said:
            while True:
                said: Said = json.loads(lines.get(timeout=120))
                if wanted(said):
                    return said

        try:
            yield wait
        finally:
            run.send_signal(signal.SIGTERM)
            assert run.wait(120) == 0
            reading.join(60)


def _read_lines(out: Iterable[str], lines: queue.Queue[str]) -> None:
    for line in out:
        lines.put(line)


def test_room_is_made(tmp_path: Path) -> None:
    """`hanse run --cache-size` keeps what is pinned and what was used last; what had to go is fetched again when asked for."""
    data = {name: {"weights.txt": name.encode() * 100_000} for name in ("ada/a", "ada/b", "ada/c")}
    with HubOrigin(data, port=own_port()) as origin:
        user = Runner(tmp_path / "user", ("--upstream", origin.url, "--cache-size", "1200000"))
        _download(user, "ada/a", tmp_path / "1")
        subprocess.run([sys.executable, "-m", "hanse", "cache", "pin", "ada/a"], env=user.environ, check=True)
        for name in ("ada/b", "ada/c"):
            _later(user)
            assert _read(user, name) == data[name]["weights.txt"]
        assert _held(user) == {"ada/a", "ada/c"}, "ada/b was used least recently"
        sent = origin.bytes_sent
        _later(user)
        assert _read(user, "ada/a") == data["ada/a"]["weights.txt"]
        assert origin.bytes_sent == sent
        _download(user, "ada/b", tmp_path / "2")
        assert origin.bytes_sent >= sent + 500_000
        assert _held(user) == {"ada/a", "ada/b"}
    for folder, name in (("1", "ada/a"), ("2", "ada/b")):
        assert tree_bytes(tmp_path / folder) == data[name]


def _download(user: Runner, name: str, folder: Path) -> None:
    user.run(client_hf("hub2"), "download", name, "--local-dir", folder).good()


def _read(user: Runner, name: str) -> bytes:
    return user.run(sys.executable, "-c", _FETCH, name).good().out.encode()


def _later(user: Runner) -> None:
    """Let more time have passed than for which a file that was used stays in any case."""
    with closing(sqlite3.connect(user.home / "hanse" / "held" / "index.sqlite3")) as index:
        index.execute("UPDATE copies SET used = used - 1000")
        index.commit()


def _held(user: Runner) -> set[str]:
    """Return the names of which files are in the store."""
    told = subprocess.run(
        [sys.executable, "-m", "hanse", "cache", "list", "--json"], env=user.environ, check=True, capture_output=True, text=True
    )
    found = [one["revisions"] for one in json.loads(told.stdout)["files"] if not one["adopted"]]
    return {"/".join(label.partition("@")[0].split("/")[-2:]) for labels in found for label in labels}
