"""Two server processes over one PostgreSQL and one data folder: both take commits, one is killed, the other goes on."""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.faults.whole import check_world
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes

REPO = "admin/shared"


class _Committer(threading.Thread):
    """Commits through one process until told to stop; notes what was acknowledged, and any odd answer."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.label = name
        self.stopping = threading.Event()
        self.kept: dict[str, str] = {}
        self.odd: list[tuple[int, bytes]] = []

    def run(self) -> None:
        """Commit one file after another."""
        number = 0
        with RawClient(self.port, ADMIN_TOKEN, timeout=120) as client:
            while not self.stopping.is_set():
                number += 1
                path, data = f"{self.label}/{number}.txt", f"{self.label} {number}".encode()
                try:
                    reply = client("POST", f"/api/models/{REPO}/commit/main", commit_body(put_bytes(path, data)))
                except (OSError, http.client.HTTPException):
                    client.close()
                    time.sleep(0.02)
                    continue
                if reply.status == 200:
                    self.kept[path] = hashlib.sha256(data).hexdigest()
                else:
                    self.odd.append((reply.status, reply.body[:200]))


def _nodes(mother: Mother, folder: Path, url: str) -> tuple[ForkedNode, ForkedNode]:
    environ = {"HANSE_RATE_API": "0", "HANSE_DATABASE": url}
    nodes = []
    for name in ("one", "two"):
        home = folder / name
        home.mkdir()
        node = ForkedNode(mother, home, environ=environ)
        node.data = folder / "data"
        node.start()
        nodes.append(node)
    return nodes[0], nodes[1]


def _wait(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.soak
def test_one_of_two_processes_is_killed(mother: Mother, tmp_path: Path, postgres_url: URL) -> None:
    """Commits through both processes land in one journal; when one is killed the other goes on once its lease has lapsed."""
    url = postgres_url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    one, two = _nodes(mother, tmp_path, url)
    with RawClient(one.port, ADMIN_TOKEN) as client:
        assert client.json("POST", "/api/repos/create", {"name": "shared", "organization": "admin"}).status == 200
    workers = [_Committer(node.port, f"{number}") for number, node in enumerate((one, two, one, two))]
    for worker in workers:
        worker.start()
    _wait(lambda: all(len(worker.kept) >= 5 for worker in workers), "both processes take commits")
    for victim, survivor, beside in ((one, two, workers[1]), (two, one, workers[0])):
        victim.kill()
        before = len(beside.kept)
        _wait(lambda beside=beside, before=before: len(beside.kept) >= before + 5, f"{survivor.port} goes on")  # type: ignore[misc]
        victim.start()
        had = [len(worker.kept) for worker in workers]
        _wait(lambda had=had: all(len(worker.kept) >= one + 2 for worker, one in zip(workers, had, strict=True)), "all go on")  # type: ignore[misc]
    for worker in workers:
        worker.stopping.set()
    for worker in workers:
        worker.join(timeout=120)
    assert [worker.odd for worker in workers] == [[]] * 4
    _read_back(one, two, workers)
    assert one.stop() == two.stop() == 0
    check_world(one.data, url)


def _read_back(one: ForkedNode, two: ForkedNode, workers: list[_Committer]) -> None:
    """Fail unless both processes serve everything that either acknowledged."""
    for node in (one, two):
        with RawClient(node.port, ADMIN_TOKEN) as client:
            for path, digest in (item for worker in workers for item in worker.kept.items()):
                assert hashlib.sha256(client("GET", f"/{REPO}/resolve/main/{path}").body).hexdigest() == digest, path


def test_what_one_process_says_the_other_knows(mother: Mother, tmp_path: Path, postgres_url: URL) -> None:
    """After an acknowledged commit, deletion or change of visibility, no process of the node answers by what was before."""
    url = postgres_url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    one, two = _nodes(mother, tmp_path, url)
    with RawClient(one.port, ADMIN_TOKEN) as here, RawClient(two.port, ADMIN_TOKEN) as there, RawClient(two.port) as stranger:
        assert here.json("POST", "/api/repos/create", {"name": "shared", "organization": "admin"}).status == 200
        for number in range(20):
            writer, reader = (here, there) if number % 2 else (there, here)
            data = b"version %d" % number
            assert writer("POST", f"/api/models/{REPO}/commit/main", commit_body(put_bytes("f.txt", data))).status == 200
            assert reader("GET", f"/{REPO}/resolve/main/f.txt").body == data
        assert stranger("GET", f"/{REPO}/resolve/main/f.txt").status == 200
        assert here.json("PUT", f"/api/models/{REPO}/settings", {"visibility": "private"}).status == 200
        assert stranger("GET", f"/{REPO}/resolve/main/f.txt").status == 401
        assert here.json("DELETE", "/api/repos/delete", {"name": "shared", "organization": "admin"}).status == 200
        assert there("GET", f"/api/models/{REPO}").status == 404
    assert one.stop() == two.stop() == 0
    check_world(one.data, url)


@pytest.mark.soak
def test_several_workers_are_one_node(tmp_path: Path, postgres_url: URL) -> None:
    """`hanse serve --workers 2` takes commits that every worker serves, and ends with 0 on SIGTERM."""
    url = postgres_url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    node = LiveNode(tmp_path, flags=("--workers", "2"), environ={"HANSE_RATE_API": "0", "HANSE_DATABASE": url})
    node.start()
    with RawClient(node.port, ADMIN_TOKEN, timeout=60) as client:
        made = client.json("POST", "/api/repos/create", {"name": "shared", "organization": "admin", "type": "model"})
        assert made.status == 200, node.log()
        assert client("POST", f"/api/models/{REPO}/commit/main", commit_body(put_bytes("a", b"1"))).status == 200
    for _ in range(12):  # each connection goes to whichever worker takes it
        with RawClient(node.port, ADMIN_TOKEN, timeout=60) as client:
            reply = client("GET", f"/{REPO}/resolve/main/a")
            assert (reply.status, reply.body) == (200, b"1")
    assert node.stop() == 0, node.log()
