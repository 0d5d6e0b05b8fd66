"""SIGTERM: what runs is finished, nothing new is taken, the exit status is 0."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.attacks.scene import Scene
from tests.faults.whole import check_world, staged
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes, put_file, raw_file

from hanse.db.engine import Database, sqlite_url
from hanse.web.serving import DRAIN_SECONDS

REPO = "admin/draining"


@pytest.mark.soak
def test_sigterm_drains(mother: Mother, tmp_path: Path) -> None:
    """Downloads, an upload and commits in progress at SIGTERM are completed, the node exits with 0, and all is whole."""
    node = ForkedNode(mother, tmp_path)
    node.start()
    with closing(Database(sqlite_url(node.data / "hanse.db"))) as database:
        scene = Scene(node, database, {"admin": ADMIN_TOKEN})
        data = random.Random(2).randbytes(24 * 1024 * 1024)
        with scene.client("admin") as client:
            assert client.json("POST", "/api/repos/create", {"name": "draining", "organization": "admin"}).status == 200
        assert scene.do_commit("admin", REPO, put_file("big.bin", scene.upload_lfs("admin", REPO, data))).status == 200
        file = raw_file(random.Random(3).randbytes(3_000_000))
        session = scene.session("admin", REPO)
        xorb = (f"{session.cas}/v1/xorbs/default/{file.xorb}", session.token, file.xorb_bytes)
        commit = (f"/api/models/{REPO}/commit/main", ADMIN_TOKEN, commit_body(put_bytes("a", b"a" * 999)))
        done: dict[str, object] = {}
        begun, told = threading.Semaphore(0), threading.Event()
        work = [
            threading.Thread(target=_slow_download, args=(node.port, data, done, begun)),
            threading.Thread(target=lambda: done.__setitem__("upload", _in_two_halves(node.port, *xorb, begun, told))),
            threading.Thread(target=lambda: done.__setitem__("commit", _in_two_halves(node.port, *commit, begun, told))),
        ]
        for thread in work:
            thread.start()
        assert all(begun.acquire(timeout=60) for _ in work)
        os.kill(node.pid, signal.SIGTERM)
        told.set()
        for thread in work:
            thread.join(timeout=60)
    assert done == {"download": True, "upload": b"HTTP/1.1 200", "commit": b"HTTP/1.1 200"}
    status = mother.ask(wait=node.pid)
    assert status == 0
    assert staged(node.data) == []
    check_world(node.data)


def _slow_download(port: int, data: bytes, done: dict[str, object], begun: threading.Semaphore) -> None:
    """Read a file at about 12 MB/s, begun before SIGTERM."""
    got = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=120) as reader:
        reader.sendall(f"GET /{REPO}/resolve/main/big.bin HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        while piece := reader.recv(256 * 1024):
            if not got:
                begun.release()
            got += piece
            time.sleep(0.02)
            if b"\r\n\r\n" in got[:4096] and len(got) - got.index(b"\r\n\r\n") - 4 >= len(data):
                break
    done["download"] = bytes(got).partition(b"\r\n\r\n")[2] == data


def _in_two_halves(port: int, path: str, token: str, body: bytes, begun: threading.Semaphore, told: threading.Event) -> bytes:
    """Begin a request, which the node reads once it says 100, and send its body after SIGTERM; return how the answer begins."""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nexpect: 100-continue\r\n"
    head += f"content-type: application/x-ndjson\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=120) as sender:
        sender.sendall(head.encode())
        assert sender.recv(100).startswith(b"HTTP/1.1 100")
        begun.release()
        told.wait(60)
        for at in range(0, len(body), 75_000):
            sender.sendall(body[at : at + 75_000])
            time.sleep(0.02)
        return sender.recv(12)


def test_sigterm_while_idle_is_quick(mother: Mother, tmp_path: Path) -> None:
    """An idle node with open kept connections exits without waiting for them, with 0."""
    node = ForkedNode(mother, tmp_path)
    node.start()
    with RawClient(node.port) as client, socket.create_connection(("127.0.0.1", node.port)):
        assert client("GET", "/healthz").status == 200
        start = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - start < DRAIN_SECONDS
