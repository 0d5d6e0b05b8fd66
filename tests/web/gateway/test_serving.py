"""The server of a gateway: it ends when it is told to, answers on the way included."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import anyio.to_thread
import pytest
from starlette.types import Receive, Scope, Send

from hanse.app_gateway import listen
from hanse.web.gateway.serving import GatewayServer, server_of

PATIENCE = 120


class Slow:
    """An application whose answer waits until it may go on."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer `done`."""
        self.asked.set()
        await anyio.to_thread.run_sync(self.go_on.wait, PATIENCE)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture(name="slow")
def _slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.go_on.set()


def _started(slow: Slow) -> tuple[GatewayServer, threading.Thread, int]:
    listener, server = listen(0), server_of(slow)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    return server, thread, int(listener.getsockname()[1])


def _ask(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), PATIENCE)
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


def test_it_ends_with_nobody_connected(slow: Slow) -> None:
    """`stop` from another thread ends it, takes the port away, and may be said again afterwards."""
    server, thread, port = _started(slow)
    with _ask(port) as client:
        slow.go_on.set()
        assert client.recv(1000)
    server.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    with pytest.raises(ConnectionRefusedError):
        _ask(port)
    server.stop()


def test_an_answer_on_the_way_is_sent_to_its_end(slow: Slow) -> None:
    """Whoever was being answered when it was told to end gets the whole answer."""
    server, thread, port = _started(slow)
    with _ask(port) as client:
        assert slow.asked.wait(PATIENCE)
        server.stop()
        slow.go_on.set()
        answer = b""
        while piece := client.recv(1000):
            answer += piece
    assert answer.endswith(b"done")
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_it_may_be_stopped_before_it_runs(slow: Slow) -> None:
    """A program that ended at once is not waited for by a server that has not begun."""
    server = server_of(slow)
    server.stop()
    listener = listen(0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
