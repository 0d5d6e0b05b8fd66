"""HTTP of the origin: one thread a connection, routes of a Hub, and the faults that concern the connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol, cast
from urllib.parse import parse_qs, unquote, urlsplit

from hanse.conform.faults import Fault, Faults
from hanse.conform.metadata import SKEW

_PACE = 64 * 1024
_DRIP_SECONDS = 0.1
_CONNECTION_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: method, raw path with query, headers (names in lower case), client's port."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        """Path without query, decoded."""
        return unquote(urlsplit(self.target).path)


class Answering(Protocol):
    """What answers the requests that come in."""

    faults: Faults
    pace: Pace

    def note(self, asked: Asked) -> None:
        """Remember a request."""

    def sent(self, size: int) -> None:
        """Count bytes of bodies of files."""

    def answer(self, wire: Handler, asked: Asked, form: dict[str, list[str]]) -> None:
        """Answer one request."""


class Server(ThreadingHTTPServer):
    """The listening socket of an origin."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], origin: Answering) -> None:
        self.origin = origin
        self.stopping = threading.Event()
        super().__init__(address, Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that leave in the middle: that is what they are expected to do."""


class Pace:
    """Holds senders to a common rate in bytes a second; None lets them go. Safe for threads."""

    def __init__(self, rate: float | None) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0
        self.rate = rate

    def wait(self, size: int) -> None:
        """Wait until `size` more bytes may go out."""
        if self.rate is None:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self.rate
            pause = self._free_at - now
        time.sleep(pause)


class Handler(BaseHTTPRequestHandler):
    """One connection. Implements `hanse.conform.sending.Wire`."""

    protocol_version = "HTTP/1.1"
    server_version = "origin"
    sys_version = ""
    timeout = _CONNECTION_SECONDS

    def setup(self) -> None:
        """Take what the origin knows."""
        super().setup()
        self.origin = cast("Server", self.server).origin
        self.stopping = cast("Server", self.server).stopping

    @property
    def faults(self) -> Faults:
        """The faults of the origin."""
        return self.origin.faults

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header as the origin claims it."""
        return super().date_time_string(SKEW if self.faults.take(Fault.CLOCK_SKEW) else timestamp)

    def handle_one_request(self) -> None:
        """Serve one request unless the origin has stopped."""
        super().handle_one_request()
        if self.stopping.is_set():
            self.close_connection = True

    def _answer(self) -> None:
        asked = Asked(self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
        self.origin.note(asked)
        length = int(asked.headers.get("content-length") or 0)
        form = parse_qs(self.rfile.read(min(length, 1 << 20)).decode("utf-8", "replace"))
        if self.stopping.is_set() or self.faults.take(Fault.RESET):
            self.close_connection = True
            return
        if self.faults.take(Fault.RATE_LIMIT):
            self.small(429, "rate limited", [("Retry-After", str(self.faults.retry_after))])
        elif self.faults.take(Fault.ERROR):
            self.small(500, "internal error")
        else:
            self.origin.answer(self, asked, form)

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815

    def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send status and headers; without a Content-Length the connection ends with the answer."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.faults.take(Fault.HUGE_HEADERS):
            self.send_header("X-Huge", "h" * 1024 * 1024)
        if not any(name == "Content-Length" for name, _ in headers):
            self.cut()
            self.send_header("Connection", "close")
        if self.faults.take(Fault.DRIP_HEADERS):
            self._drip_headers()
        self.end_headers()

    def _drip_headers(self) -> None:
        """Send one header byte by byte, for as long as the client bears it."""
        self.flush_headers()
        self.wfile.write(b"X-Drip: ")
        for _ in range(60_000):
            if self.stopping.is_set():
                break
            self.wfile.write(b"1")
            time.sleep(_DRIP_SECONDS)
        self.wfile.write(b"\r\n")

    def body(self, piece: bytes) -> None:
        """Send bytes of the body at the origin's rate."""
        step = _PACE if self.origin.pace.rate is not None else max(1, len(piece))
        for at in range(0, len(piece), step):
            part = piece[at : at + step]
            self.origin.pace.wait(len(part))
            if self.stopping.is_set():
                raise ConnectionAbortedError
            self.wfile.write(part)
            self.origin.sent(len(part))

    def cut(self) -> None:
        """Close the connection when the request is over."""
        self.close_connection = True

    def json(self, pieces: Iterator[bytes], headers: list[tuple[str, str]] | None = None) -> None:
        """Send JSON in pieces of unknown number."""
        first = next(pieces)
        more = next(pieces, None)
        base = [("Content-Type", "application/json; charset=utf-8"), *(headers or [])]
        self.head(200, base if more is not None else [*base, ("Content-Length", str(len(first)))])
        if self.command == "HEAD":
            return
        self.wfile.write(first)
        while more is not None and not self.stopping.is_set():
            self.wfile.write(more)
            more = next(pieces, None)

    def small(self, status: int, message: str, headers: list[tuple[str, str]] | None = None) -> None:
        """Send an error as a Hub does."""
        text = b'{"error":"%s"}' % message.encode()
        kind = ("Content-Type", "application/json; charset=utf-8")
        self.head(status, [kind, *(headers or []), ("X-Error-Message", message), ("Content-Length", str(len(text)))])
        if self.command != "HEAD":
            self.wfile.write(text)
