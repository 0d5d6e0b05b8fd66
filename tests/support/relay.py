"""A TCP relay in front of a node that counts bytes and can cut or slow connections: the network as a test tool."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self


class Relay:
    """Forwards connections to a port of 127.0.0.1; `sent` counts bytes towards the server, `received` those back.

    `cut_after` ends every connection once that many bytes went towards the server in total; `rate` is the most bytes per second
    that pass, over all connections and both ways.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.sent = 0
        self.received = 0
        self.cut_after: int | None = None
        self.rate: int | None = None
        self._turn = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.close()
        for one in list(self._open):
            _hang_up(one)

    def seen(self, data: bytes) -> None:
        """Look at a piece on its way to the server; here: nothing."""

    def answers(self, data: bytes, target: socket.socket) -> None:
        """Send a piece of an answer on its way."""
        target.sendall(data)

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
                outer = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._open |= {inner, outer}
            threading.Thread(target=self._pump, args=(inner, outer, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(outer, inner, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        try:
            while data := source.recv(1 << 18):
                if up:
                    self.seen(data)
                    self.sent += len(data)
                    if self.cut_after is not None and self.sent > self.cut_after:
                        break
                else:
                    self.received += len(data)
                if self.rate is not None:
                    with self._turn:
                        time.sleep(len(data) / self.rate)
                if up:
                    target.sendall(data)
                else:
                    self.answers(data, target)
        except OSError:
            pass
        for one in (source, target):
            _hang_up(one)
            self._open.discard(one)


def _hang_up(one: socket.socket) -> None:
    """End a connection; closing alone would leave it open for as long as another thread waits in it."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class Recorder(Relay):
    """A relay that keeps the request heads it forwards."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.heads: list[bytes] = []

    def seen(self, data: bytes) -> None:
        """Keep what looks like the head of a request."""
        if b"HTTP/1.1\r\n" in data[:4096]:
            self.heads.append(data[:8192])

    def ranges(self, address: bytes) -> list[str]:
        """Return the Range headers of requests whose address contains `address`."""
        found = []
        for head in self.heads:
            lines = head.split(b"\r\n")
            if address in lines[0]:
                found += [line.split(b":", 1)[1].strip().decode() for line in lines if line.lower().startswith(b"range:")]
        return found


class Dam(Relay):
    """A relay that holds back requests whose first line contains one of `held`, until `seconds` after the first of them came."""

    def __init__(self, port: int, held: tuple[bytes, ...], seconds: float) -> None:
        super().__init__(port)
        self.held, self.seconds = held, seconds
        self.holding = False
        self._first: float | None = None

    def seen(self, data: bytes) -> None:
        """Wait, if `holding` and this is the head of such a request."""
        line = data[:4096].split(b"\r\n", 1)[0]
        if not self.holding or not line.endswith(b"HTTP/1.1") or not any(part in line for part in self.held):
            return
        with self._turn:
            self._first = self._first or time.monotonic()
        time.sleep(max(0.0, self._first + self.seconds - time.monotonic()))


class Sluice(Relay):
    """A relay through which the bytes of files only trickle until `opened`, some KiB a second."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.opened = threading.Event()
        self._trickles = False

    def seen(self, data: bytes) -> None:
        """Take note of the first request for the bytes of a file."""
        line = data[:4096].split(b"\r\n", 1)[0]
        self._trickles |= line.startswith(b"GET /files/") and b"/chunks" not in line

    def answers(self, data: bytes, target: socket.socket) -> None:
        """Send a piece in small bits."""
        while data and self._trickles and not self.opened.wait(0.2):
            target.sendall(data[:2048])
            data = data[2048:]
        target.sendall(data)
