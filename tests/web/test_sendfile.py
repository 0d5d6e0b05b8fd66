"""Zero-copy sending against a real uvicorn on a real socket."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from hanse.store.base import FileRuns, FileSlice
from hanse.web.blob_response import BlobResponse
from hanse.web.sendfile import EXTENSION, with_sendfile

SIZE = 9 * 1024 * 1024 + 12345


class _Source:
    """Two slices of one file, so that a boundary lies inside the body; `sendable` gives them as many runs instead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = SIZE

    def pieces(self, start: int, length: int) -> Iterator[FileSlice]:
        middle = length // 2
        yield FileSlice(self.path, start, middle)
        yield FileSlice(self.path, start + middle, length - middle)


class _Runs(_Source):
    """The same bytes as runs of uneven lengths, between a few that are read."""

    def sendable(self, start: int, length: int) -> Iterator[bytes | FileRuns]:
        file, end = os.open(self.path, os.O_RDONLY), start + length
        try:
            yield os.pread(file, min(7, length), start)
            runs = [(at, min(70_001, end - at)) for at in range(start + 7, end, 70_001)]
            for at in range(0, len(runs), 40):
                yield FileRuns(file, tuple(runs[at : at + 40]))
        finally:
            os.close(file)


class _Served:
    def __init__(self, source: _Source) -> None:
        self.seen: list[bool] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            self.seen.append(EXTENSION in scope.get("extensions", {}))
            await BlobResponse(Request(scope, receive), source, etag="x")(scope, receive, send)

        config = uvicorn.Config(
            with_sendfile(app), loop="asyncio", http="httptools", ws="none", lifespan="off", log_config=None, log_level="critical"
        )
        self.server = uvicorn.Server(config)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.port = listener.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]}, daemon=True)
        self.thread.start()


@pytest.fixture(name="content")
def _content() -> bytes:
    return os.urandom(SIZE)


@pytest.fixture(name="served", params=[_Source, _Runs], ids=["slices", "runs"])
def _served(request: pytest.FixtureRequest, tmp_path: Path, content: bytes) -> Iterator[_Served]:
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    served = _Served(request.param(path))
    yield served
    served.server.should_exit = True
    served.thread.join(timeout=120)


def _get(served: _Served, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
    connection.request("GET", "/", headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def test_whole_file_arrives_unchanged(served: _Served, content: bytes) -> None:
    """A body over many slices arrives whole and byte-identical, by zero-copy."""
    assert _get(served) == (200, content)
    assert served.seen == [True]


def test_range_and_keep_alive(served: _Served, content: bytes) -> None:
    """Ranges are exact, and the connection serves further requests after a zero-copy body."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=120)
    for start, end in ((0, 0), (5, 70_000), (SIZE - 3, SIZE - 1)):
        connection.request("GET", "/", headers={"Range": f"bytes={start}-{end}"})
        response = connection.getresponse()
        assert response.status == 206
        assert response.read() == content[start : end + 1]
    connection.close()


def test_slow_and_aborting_clients_harm_nobody(served: _Served, content: bytes) -> None:
    """A client that stops reading and one that aborts leave the server serving others correctly."""
    slow = socket.create_connection(("127.0.0.1", served.port))
    slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    abort = socket.create_connection(("127.0.0.1", served.port))
    abort.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    abort.recv(1000)
    abort.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    abort.close()
    assert _get(served) == (200, content)
    received = b""
    while len(received) < SIZE:
        received += slow.recv(1 << 20)
    slow.close()
    assert received.endswith(content[-1000:])
