"""Bytes out: ranges, conditional requests, HEAD, and the cheapest way of sending that is there.

A single Range gives 206 with Content-Range, also for `bytes=0-0`; several ranges give 200 with everything; a malformed Range
is ignored; an unsatisfiable one is 416; an If-Range that does not match gives 200. Slices of local files, and uncompressed
chunks of files in xorbs, go by zero-copy where offered, whole objects by X-Accel-Redirect; other pieces are read in a worker
thread, about 1 MiB at a time. A few bytes are read and sent at once: each turn in a thread costs more than they do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hanse.errors import BadRange
from hanse.store.base import ByteSource, FileRuns, FileSlice
from hanse.web.ranges import single_range
from hanse.web.sendfile import EXTENSION

PIECE = 1024 * 1024
FEW = 64 * 1024
"""Bytes up to which a body is read and sent at once."""
IMMUTABLE = "public, max-age=31536000, immutable"
ACCEL = "hanse.accel"
"""Key of the ASGI scope that holds (internal nginx location, folder it maps to) where nginx sends large bodies."""

_Piece = bytes | memoryview | FileSlice | FileRuns


def etag_matches(header: str | None, etag: str) -> bool:
    """Tell whether an If-None-Match header names `etag` (quoted); weak comparison, bounded length."""
    if header is None or len(header) > 4096:
        return False
    return any(one.strip().removeprefix("W/") in ("*", etag) for one in header.split(","))


@dataclass(frozen=True, slots=True)
class Sized:
    """A source whose bytes are not asked for: HEAD."""

    size: int

    def pieces(self, start: int, length: int) -> Iterator[NoReturn]:
        """Raise AssertionError: nobody may read it."""
        raise AssertionError(f"a HEAD request reads no bytes, got {start} and {length}")


@dataclass(frozen=True, slots=True)
class InMemory:
    """A source of few bytes."""

    data: bytes

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.data)

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the run as one piece."""
        yield self.data[start : start + length]


class BlobResponse(Response):
    """Serves a ByteSource with ranges and validators.

    etag: strong, without quotes; headers: further response headers; cache: Cache-Control or None. `threads` is what the body is
    read in, None for the threads of all calls.
    """

    threads: anyio.CapacityLimiter | None = None

    def __init__(
        self,
        request: Request,
        source: ByteSource,
        *,
        etag: str,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/octet-stream",
        cache: str | None = None,
    ) -> None:
        self.source = source
        self.background = None
        self.head_only = request.method == "HEAD"
        self.start, self.length = 0, source.size
        quoted = f'"{etag}"'
        given = dict(headers or {}) | {"etag": quoted, "accept-ranges": "bytes"}
        if cache is not None:
            given["cache-control"] = cache
        status = 200
        if etag_matches(request.headers.get("if-none-match"), quoted):
            status, self.length = 304, 0
        else:
            status = self._apply_range(request, quoted, given)
        self.status_code = status
        self.media_type = media_type
        self.body = b""
        target = self._accelerated(request) if status in (200, 206) else None
        if target is not None:
            # nginx answers the request's Range itself and takes these headers over (docs/operations.md).
            self.status_code, self.length = 200, 0
            given.pop("content-range", None)
            given["x-accel-redirect"] = target
        elif status != 304:
            given["content-length"] = str(self.length)
        self.init_headers({name: _latin(value) for name, value in given.items()})

    def _accelerated(self, request: Request) -> str | None:
        """Return the internal address under which nginx is to send this body, or None if it is sent here.

        Only where nginx and this node cannot understand the request's Range differently: signed addresses allow ranges.
        """
        accel: tuple[str, Path] | None = request.scope.get(ACCEL)
        path: Path | None = getattr(self.source, "whole", None)
        if accel is None or path is None or self.head_only or "if-range" in request.headers:
            return None
        first, _, last = request.headers.get("range", "bytes=0-0").removeprefix("bytes=").partition("-")
        if not (first + last).isascii() or not first.isdigit() or not last.isdigit():
            return None
        return accel[0] + quote(path.relative_to(accel[1]).as_posix())

    def _apply_range(self, request: Request, quoted: str, headers: dict[str, str]) -> int:
        if request.headers.get("if-range", quoted) != quoted:
            return 200
        try:
            found = single_range(request.headers.get("range"), self.source.size)
        except BadRange:
            headers["content-range"] = f"bytes */{self.source.size}"
            self.length = 0
            return 416
        if found is None:
            return 200
        self.start, self.length = found[0], found[1] - found[0]
        headers["content-range"] = f"bytes {found[0]}-{found[1] - 1}/{self.source.size}"
        return 206

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send headers, then the body piece by piece; stops when the client is gone."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self.head_only or self.length == 0:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        if self.length <= FEW:
            body = await anyio.to_thread.run_sync(self._few, limiter=self.threads)
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        gone = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_watch, receive, gone)
            await self._body(scope, send, gone)
            tasks.cancel_scope.cancel()

    def _few(self) -> bytes:
        """Return a whole body of few bytes."""
        parts = self.source.pieces(self.start, self.length)
        return b"".join(_read(one) if isinstance(one, FileSlice) else one for one in parts)

    async def _body(self, scope: Scope, send: Send, gone: anyio.Event) -> None:
        zero_copy = EXTENSION in scope.get("extensions", {})
        sendable = getattr(self.source, "sendable", None) if zero_copy else None
        pieces = (sendable or self.source.pieces)(self.start, self.length)
        while not gone.is_set():
            piece = await anyio.to_thread.run_sync(_next, pieces, limiter=self.threads)
            if piece is None:
                break
            if isinstance(piece, FileRuns):
                await send({"type": EXTENSION, "file": piece.file, "runs": piece.runs, "more_body": True})
            elif not isinstance(piece, FileSlice):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            elif zero_copy:
                await _zero_copy(piece, send)
            else:
                await _copy(piece, send, gone)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _latin(value: str) -> str:
    """Make a header value safe: latin-1 without line breaks."""
    return value.encode("latin-1", "replace").decode("latin-1").replace("\r", " ").replace("\n", " ")


def _next(pieces: Iterator[_Piece]) -> _Piece | None:
    return next(pieces, None)


def _read(piece: FileSlice) -> bytes:
    file = os.open(piece.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(file, piece.length, piece.offset)
    finally:
        os.close(file)
    if len(data) != piece.length:
        raise RuntimeError("file ended early")  # the connection is closed: a short body must not look whole
    return data


async def _watch(receive: Receive, gone: anyio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _zero_copy(piece: FileSlice, send: Send) -> None:
    file = await anyio.to_thread.run_sync(partial(os.open, piece.path, os.O_RDONLY | os.O_CLOEXEC))
    try:
        message = {"type": EXTENSION, "file": file, "offset": piece.offset, "count": piece.length, "more_body": True}
        await send(message)
    finally:
        os.close(file)


async def _copy(piece: FileSlice, send: Send, gone: anyio.Event) -> None:
    file = await anyio.to_thread.run_sync(partial(os.open, piece.path, os.O_RDONLY | os.O_CLOEXEC))
    try:
        at, end = piece.offset, piece.offset + piece.length
        while at < end and not gone.is_set():
            data = await anyio.to_thread.run_sync(os.pread, file, min(PIECE, end - at), at)
            if not data:
                raise RuntimeError("file ended early")  # the connection is closed: a short body must not look whole
            await send({"type": "http.response.body", "body": data, "more_body": True})
            at += len(data)
    finally:
        os.close(file)
