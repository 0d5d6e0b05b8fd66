"""How the origin sends a file: honestly, or with any of the faults that are about bodies, ranges and headers of files."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from hanse.conform.faults import Fault, Faults
from hanse.conform.repos import PIECE, Content, OriginFile

_DRIP_SECONDS = 0.2
_ENDLESS_PIECES = 1 << 20


class Wire(Protocol):
    """The connection of one request, as the sender uses it."""

    faults: Faults
    stopping: threading.Event

    def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send status and headers."""
        ...

    def body(self, piece: bytes) -> None:
        """Send bytes of the body at the origin's rate."""
        ...

    def cut(self) -> None:
        """Close the connection when the request is over."""
        ...


def _wanted(header: str | None, size: int) -> tuple[int, int] | None | bool:
    """Return the (start, end) of a Range header, None for the whole file, False if it cannot be satisfied."""
    kind, _, spec = (header or "").partition("=")
    first, dash, last = spec.partition("-")
    if kind != "bytes" or not dash or "," in spec or not (first + last).isdigit():
        return None
    if not first:
        return max(0, size - int(last)), size
    start, end = int(first), min(int(last) + 1 if last else size, size)
    return (start, end) if start < size else False


def _content(faults: Faults, file: OriginFile, start: int) -> Content:
    """Return the content that is sent for a request that begins at `start`."""
    wrong = faults.take(Fault.WRONG_BYTES, file.path) or faults.take(Fault.REFRAMED, file.path)
    if wrong or (start == 0 and faults.take(Fault.ABORT_RESUME, file.path)):
        # The byte lies in the first half, so that an abort in the middle has already sent it.
        return file.content.altered(file.content.size // 4)
    return file.content


def send_file(wire: Wire, file: OriginFile, asked: str | None, headers: list[tuple[str, str]], *, only_head: bool) -> None:
    """Answer HEAD or GET of a file. asked: the Range header."""
    faults, path, size = wire.faults, file.path, file.content.size
    span = None if only_head else _wanted(asked, size)
    if span is False:
        wire.head(416, [*headers, ("Content-Range", f"bytes */{size}"), ("Content-Length", "0")])
        return
    ranged = span is not None and span is not True and not faults.take(Fault.FULL_FOR_RANGE, path)
    start, end = span if ranged and isinstance(span, tuple) else (0, size)
    content = _content(faults, file, start)
    said = (start, end)
    if ranged and faults.take(Fault.OTHER_RANGE, path):
        said = start, end = (start + 1 if end - start > 1 else 0), end
    elif ranged and faults.take(Fault.SHIFTED_RANGE, path) and start:
        start, end = start - 1, end - 1
    length = said[1] - said[0] + _off(faults, path, end - start)
    more = [("Content-Range", f"bytes {said[0]}-{said[1] - 1}/{size}")] if ranged else []
    _send(
        wire, path, 206 if ranged else 200, [*headers, *more], _body(wire, content, path, (start, end), length), length, only_head
    )


def _off(faults: Faults, path: str, length: int) -> int:
    """Return by how many bytes a body differs from the length that was asked for."""
    if length and faults.take(Fault.SHORT, path):
        return -max(1, length // 3)
    return 1000 if faults.take(Fault.LONG, path) else 0


def _body(wire: Wire, content: Content, path: str, span: tuple[int, int], length: int) -> Iterator[bytes]:
    """Yield the bytes that are sent: `length` of them unless the fault is that there are fewer."""
    faults, (start, end) = wire.faults, span
    cut = start == 0 and faults.take(Fault.ABORT_RESUME, path)
    if cut or faults.take(Fault.TRUNCATED, path):
        yield from content.read(start, start + (end - start) // 2)
        wire.cut()
        return
    yield from content.read(start, min(end, start + length))
    if length > end - start:
        yield b"\0" * (length - (end - start))


def _send(
    wire: Wire, path: str, status: int, headers: list[tuple[str, str]], body: Iterator[bytes], length: int, only_head: bool
) -> None:
    """Send headers and body, with the faults that are about how."""
    faults = wire.faults
    if not only_head and faults.take(Fault.ENDLESS, path):
        wire.head(status, headers)
        _endless(wire)
    elif not only_head and faults.take(Fault.ZIPPED, path):
        wire.head(status, [*headers, ("Content-Encoding", "gzip")])
        wire.body(gzip.compress(bytes(64 * PIECE), 6))
        wire.cut()
    else:
        lengths = [("Content-Length", str(length))]
        if faults.take(Fault.TWO_LENGTHS, path):
            lengths.append(("Content-Length", str(length + 9)))
        wire.head(status, [*headers, *lengths])
        if only_head:
            return
        if faults.take(Fault.STALL, path):
            wire.stopping.wait(3600)
            wire.cut()
            return
        slow = faults.take(Fault.SLOW, path)
        for piece in body:
            if slow:
                _drip(wire, piece)
            else:
                wire.body(piece)


def _endless(wire: Wire) -> None:
    """Send bytes until the other side or the origin has had enough."""
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
