"""A plain HTTP client that resumes what was cut, as Hugging Face clients do, and gives up after a while."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from hanse.conform.outcome import Comparison, Outcome
from hanse.conform.repos import Content
from hanse.errors import InputError
from hanse.peers.addresses import parse_base

_PIECE = 256 * 1024
_RESUMES = 3


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers (names in lower case) of an answer, and its body as it comes."""

    status: int
    headers: dict[str, str]
    reader: http.client.HTTPResponse

    def pieces(self) -> Iterator[bytes]:
        """Yield the body; raises IncompleteRead if it ends before the length that the header says."""
        while piece := self.reader.read(_PIECE):
            yield piece
        if self.reader.length:
            raise http.client.IncompleteRead(b"", self.reader.length)


class Probe:
    """Asks one server. patience: seconds for every request as a whole. Raises InputError for what is no address."""

    def __init__(self, url: str, *, patience: float) -> None:
        parts = urlsplit(parse_base(url))
        try:
            (parts.hostname or "").encode("idna")
        except UnicodeError as error:
            raise InputError(f"{url[:200]!r} names no server: {error}", hint="such as http://127.0.0.1:8080") from error
        if parts.scheme != "http":
            raise InputError(f"{url[:200]!r} is examined over plain HTTP only", hint="name the port behind TLS: http://HOST:PORT")
        self._host, self._port, self._base = parts.hostname or "", parts.port or 80, parts.path.rstrip("/")
        self.patience = patience

    @contextmanager
    def ask(self, method: str, path: str, headers: Mapping[str, str], deadline: float) -> Iterator[Head]:
        """Send a request and hand over the head of its answer; the connection is cut at the deadline (monotonic seconds)."""
        left = max(0.1, deadline - time.monotonic())
        connection = http.client.HTTPConnection(self._host, self._port, timeout=left)
        connection.connect()
        guard = threading.Timer(left, _cut, [connection.sock])
        guard.daemon = True
        guard.start()
        try:
            connection.request(method, self._base + path, headers={"Accept-Encoding": "identity", **headers})
            answer = connection.getresponse()
            yield Head(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer)
        finally:
            guard.cancel()
            connection.close()

    def get(self, path: str, *, limit: int, method: str = "GET") -> Outcome:
        """Return the answer to a GET or HEAD with its body, of which no more than `limit` bytes are taken."""
        deadline = time.monotonic() + self.patience
        status, headers, body = 0, dict[str, str](), bytearray()
        try:
            with self.ask(method, path, {}, deadline) as head:
                status, headers = head.status, head.headers
                for piece in head.pieces():
                    body += piece
                    if len(body) > limit:
                        break
        except (OSError, http.client.HTTPException) as error:
            hung = time.monotonic() >= deadline
            return Outcome(
                status, len(body), headers=headers, body=bytes(body), hung=hung, text=f"{type(error).__name__}: {error}"
            )
        return Outcome(status, len(body), complete=True, headers=headers, body=bytes(body))

    def file(self, path: str, truth: Content) -> Outcome:
        """Return what came of a download that is resumed by range up to three times, compared with the truth."""
        deadline = time.monotonic() + self.patience
        found = Comparison(truth)
        status, headers, text = 0, dict[str, str](), ""
        for _ in range(_RESUMES + 1):
            asked = {"Range": f"bytes={found.size}-"} if found.size else {}
            try:
                with self.ask("GET", path, asked, deadline) as head:
                    status, headers = head.status, head.headers
                    if status not in {200, 206} or not self._take(head, found, resumed=bool(asked)):
                        return Outcome(status, found.size, found.whole and bool(asked), found.false_at, headers=headers)
                    return Outcome(status, found.size, complete=True, false_at=_end(found), headers=headers)
            except (OSError, http.client.HTTPException) as error:
                text = f"{type(error).__name__}: {error}"
            if time.monotonic() >= deadline or found.size == 0:
                break
        hung = time.monotonic() >= deadline
        return Outcome(status, found.size, false_at=found.false_at, hung=hung, headers=headers, text=text)

    def _take(self, head: Head, found: Comparison, *, resumed: bool) -> bool:
        """Take in a body; False if it is not what was asked for, or has no end."""
        skip = found.size if resumed and head.status == 200 else 0
        for piece in head.pieces():
            rest = piece[skip:]
            skip -= len(piece) - len(rest)
            if rest:
                found.feed(rest)
            if found.endless:
                return False
        return True


def _end(found: Comparison) -> int | None:
    """Return where the first false byte is; a body that ends too early is false where it ends."""
    if found.false_at is None and not found.whole:
        return found.size
    return found.false_at


def _cut(connected: socket.socket) -> None:
    """Shut a connection down under a reader in another thread."""
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)
