"""Servers in threads of this process: a node's own web application, and any log as static files, with faults on demand."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from tests.support.memorylog import MemoryLog

from hanse.flows.node import Node
from hanse.settings import load
from hanse.web.server import HanseApp
from hanse.web.through import PullThrough

Fault = Callable[[bytes], bytes]


@contextmanager
def served(node: Node, through: PullThrough | None = None) -> Iterator[str]:
    """Serve a node for the length of a `with` block and give its address; through: what answers for an upstream."""
    with hosted(HanseApp(node, load({}, {"HOME": "/nowhere"}), through)) as url:
        yield url


@contextmanager
def hosted(app: ASGIApp) -> Iterator[str]:
    """Serve an application for the length of a `with` block and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none", loop="asyncio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=120)


@dataclass
class LogServer:
    """Serves the files of a log; `faults` change what is sent for a path, None in it means 404; `asked` are the paths so far."""

    log: MemoryLog
    faults: dict[str, Fault | None] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    shown: bytes | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> bytes | None:
        """Return what is sent for a path, None for 404."""
        self.asked.append(path)
        data = self.log.files.get(path)
        if path == "checkpoint":
            data = self.log.note() if self.shown is None else self.shown
        if path in self.faults:
            fault = self.faults[path]
            return None if fault is None or data is None else fault(data)
        return data


@contextmanager
def log_server(log: MemoryLog) -> Iterator[LogServer]:
    """Serve a log for the length of a `with` block."""
    made = LogServer(log)
    with _files(made.answer, made.headers) as address:
        made.url = f"{address}/log"
        yield made


@contextmanager
def folder_server(folder: Path) -> Iterator[str]:
    """Serve the files of a folder for the length of a `with` block and give the address."""

    def answer(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() else None

    with _files(answer, {}) as address:
        yield f"{address}/log"


@contextmanager
def _files(answer: Callable[[str], bytes | None], headers: Mapping[str, str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = answer(self.path.removeprefix("/log/"))
            self.send_response(200 if data is not None else 404)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(timeout=120)


@contextmanager
def silent_server() -> Iterator[tuple[str, list[socket.socket]]]:
    """Accept connections and never answer; give the address and the connections so far, which stay open."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", held
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=120)
            for connection in held:
                connection.close()


@contextmanager
def dripping(start: bytes, drip: bytes, *, pause: float = 0.01) -> Iterator[tuple[str, list[bytes]]]:
    """Answer each connection with `start`, then with `drip` again and again until it is hung up; give address and requests."""
    requests: list[bytes] = []
    threads: list[threading.Thread] = []
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            requests.append(connection.recv(65_536))
            connection.sendall(start)
            while not ended.wait(pause):
                connection.sendall(drip)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            for one in (thread, *threads):
                one.join(timeout=120)


@contextmanager
def scripted(*answers: bytes, pause: float = 0) -> Iterator[tuple[str, list[bytes]]]:
    """Answer each connection with the next of some raw answers, byte by byte if there is a pause; give address and requests."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    requests.append(_request(connection))
                    _send(connection, answer, pause)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
        finally:
            with suppress(OSError):  # wakes who waits for a connection that does not come
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(timeout=120)


def _request(connection: socket.socket) -> bytes:
    """Return a whole request, its body as long as its head says."""
    data = b""
    while True:
        head, blank, body = data.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        if blank and len(body) >= length:
            return data
        part = connection.recv(1 << 20)
        if not part:
            return data
        data += part


def _send(connection: socket.socket, answer: bytes, pause: float) -> None:
    try:
        if not pause:
            connection.sendall(answer)
            return
        for at in range(len(answer)):
            connection.sendall(answer[at : at + 1])
            time.sleep(pause)
    except OSError:  # the client had enough
        return


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until a condition holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)
