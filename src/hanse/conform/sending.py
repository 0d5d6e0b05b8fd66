"""How the origin sends a file: honestly, or with any of the faults that are about bodies, ranges and headers of files."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from hanse.conform.faults import Fault, Faults
from hanse.conform.repos import PIECE, Content, OriginFile

_DRIP_SECONDS = 0.2
_ENDLESS_PIECES = 1 << 20
Headers = list[tuple[str, str]]


class Wire(Protocol):
    """The connection of one request, as the sender uses it."""

    stopping: threading.Event

    @property
    def faults(self) -> Faults:
        """The faults of the origin."""
        ...

    def head(self, status: int, headers: Headers) -> None:
        """Send status and headers."""
        ...

    def body(self, piece: bytes) -> None:
        """Send bytes of the body at the origin's rate."""
        ...

    def cut(self) -> None:
        """Close the connection when the request is over."""
        ...


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent: status, headers without the length, the length that is said, and which bytes of what.

    cut: the connection is closed after so many bytes, fewer than `length`; None: it is not.
    """

    status: int
    headers: Headers
    length: int
    content: Content
    start: int
    end: int
    cut: int | None

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the body."""
        end = self.end if self.cut is None else self.start + self.cut
        yield from self.content.read(self.start, min(end, self.start + self.length))
        if self.cut is None and self.length > self.end - self.start:
            yield bytes(self.length - (self.end - self.start))


def range_of(header: str | None, size: int) -> tuple[int, int] | bool:
    """Return the (start, end) of a Range header, True for the whole file, False if it cannot be satisfied."""
    kind, _, spec = (header or "").partition("=")
    first, dash, last = spec.partition("-")
    if kind != "bytes" or not dash or "," in spec or not (first + last).isdigit():
        return True
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(int(last) + 1 if last else size, size)
    return (start, end) if start < size else False


def wrong_bytes(faults: Faults, file: OriginFile) -> Content:
    """Return the content as it is sent to anybody who asks."""
    wrong = faults.take(Fault.WRONG_BYTES, file.path) or faults.take(Fault.REFRAMED, file.path)
    # The byte lies in the first half, so that an abort in the middle has already sent it.
    return file.content.altered(file.content.size // 4) if wrong else file.content


def send_file(wire: Wire, file: OriginFile, asked: str | None, headers: Headers, *, only_head: bool) -> None:
    """Answer HEAD or GET of a file. asked: the Range header."""
    size = file.content.size
    span = True if only_head else range_of(asked, size)
    if span is False:
        wire.head(416, [*headers, ("Content-Range", f"bytes */{size}"), ("Content-Length", "0")])
        return
    sending = _plan(wire.faults, file, None if span is True else span, headers)
    if only_head:
        wire.head(sending.status, [*sending.headers, *_lengths(wire.faults, file.path, sending.length)])
    elif wire.faults.take(Fault.ENDLESS, file.path):
        wire.head(sending.status, sending.headers)
        _endless(wire, sending)
    elif wire.faults.take(Fault.ZIPPED, file.path):
        wire.head(sending.status, [*sending.headers, ("Content-Encoding", "gzip")])
        wire.body(gzip.compress(bytes(64 * PIECE), 6))
        wire.cut()
    else:
        _send(wire, file.path, sending)


def _plan(faults: Faults, file: OriginFile, span: tuple[int, int] | None, headers: Headers) -> Sending:
    """Return what is sent for bytes `span` (None: the whole file)."""
    path, size = file.path, file.content.size
    if span is not None and faults.take(Fault.FULL_FOR_RANGE, path):
        span = None
    start, end = span or (0, size)
    content, cut = wrong_bytes(faults, file), None
    if start == 0 and faults.take(Fault.ABORT_RESUME, path):
        content, cut = file.content.altered(size // 4), (end - start) // 2
    elif faults.take(Fault.TRUNCATED, path):
        cut = (end - start) // 2
    said = (start, end)
    if span and faults.take(Fault.OTHER_RANGE, path):
        start += end - start > 1
        said = (start, end)
    elif span and start and faults.take(Fault.SHIFTED_RANGE, path):
        start, end = start - 1, end - 1
    more = [("Content-Range", f"bytes {said[0]}-{said[1] - 1}/{size}")] if span else []
    length = end - start + _off(faults, path, end - start)
    return Sending(206 if span else 200, [*headers, *more], length, content, start, end, cut)


def _off(faults: Faults, path: str, length: int) -> int:
    """Return by how many bytes a body differs from the length that was asked for."""
    if length and faults.take(Fault.SHORT, path):
        return -max(1, length // 3)
    return 1000 if faults.take(Fault.LONG, path) else 0


def _lengths(faults: Faults, path: str, length: int) -> Headers:
    """Return the Content-Length header, or two that differ."""
    found = [("Content-Length", str(length))]
    return [*found, ("Content-Length", str(length + 9))] if faults.take(Fault.TWO_LENGTHS, path) else found


def _send(wire: Wire, path: str, sending: Sending) -> None:
    """Send headers and a body of known length."""
    wire.head(sending.status, [*sending.headers, *_lengths(wire.faults, path, sending.length)])
    if wire.faults.take(Fault.STALL, path):
        wire.stopping.wait(3600)
        wire.cut()
        return
    slow = wire.faults.take(Fault.SLOW, path)
    for piece in sending.pieces():
        if slow:
            _drip(wire, piece)
        else:
            wire.body(piece)
    if sending.cut is not None:
        wire.cut()


def _endless(wire: Wire, sending: Sending) -> None:
    """Send what was asked for, and then bytes until the other side or the origin has had enough."""
    for piece in sending.pieces():
        wire.body(piece)
    for _ in range(_ENDLESS_PIECES):
        if wire.stopping.is_set():
            break
        wire.body(bytes(PIECE))
    wire.cut()


def _drip(wire: Wire, piece: bytes) -> None:
    """Send a byte now and then."""
    for at in range(len(piece)):
        if wire.stopping.is_set():
            wire.cut()
            return
        wire.body(piece[at : at + 1])
        time.sleep(_DRIP_SECONDS)
