"""Large bodies over slow lines: a client that sends little is waited for, one that sends nothing is not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send
from tests.support.served import until

from hanse.web import upload
from hanse.web.protocol import HeadLimited

MIB = 1024 * 1024
STALL = 0.6
LONG = 8.0
"""Patience that a busy machine does not use up by itself."""


class _Sink:
    """An application that takes a body of any size and notes how it ended."""

    def __init__(self) -> None:
        self.ends: list[int | str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the body and answer."""
        try:
            self.ends.append(await upload.take_body(Request(scope, receive), 64 * MIB, len))
        except ClientDisconnect:
            self.ends.append("gone")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


@pytest.fixture(name="sink")
def _sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[_Sink, int]]:
    """Return (application, port) of a server whose patience is 0.6 seconds instead of minutes."""
    monkeypatch.setattr(upload, "_STALL_SECONDS", STALL)
    sink = _Sink()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(sink, loop="asyncio", http=HeadLimited, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield sink, listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def _head(size: int) -> bytes:
    return f"PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n".encode()


@pytest.mark.soak
def test_a_slow_client_is_waited_for(sink: tuple[_Sink, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than a piece within the server's patience, again and again, still comes in whole."""
    monkeypatch.setattr(upload, "_STALL_SECONDS", LONG)
    app, port = sink
    size = 5 * MIB
    with socket.create_connection(("127.0.0.1", port), timeout=120) as sender:
        sender.sendall(_head(size) + bytes(2 * MIB))
        for _ in range(6):
            time.sleep(LONG / 5)
            sender.sendall(bytes(MIB // 2))
        assert sender.recv(100).startswith(b"HTTP/1.1 200")
    assert app.ends == [size]


def test_a_silent_client_is_not(sink: tuple[_Sink, int]) -> None:
    """A client that sends nothing at all any more is given up."""
    app, port = sink
    with socket.create_connection(("127.0.0.1", port), timeout=120) as sender:
        sender.sendall(_head(9 * MIB) + bytes(3 * MIB))
        until(lambda: app.ends)
    assert app.ends == ["gone"]
