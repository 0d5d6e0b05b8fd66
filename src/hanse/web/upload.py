"""Large request bodies at the cost of one copy: read from the socket in worker threads as soon as 2 MiB are there.

Left to the server, a body is woken up for some thirty times per MiB and copied four times, which costs more than all hashing.
Under uvicorn on plain TCP this module takes the rest of a long body over: the server stops reading, the kernel reports the
socket readable once 2 MiB are there (SO_RCVLOWAT), and a worker thread reads and feeds on for as long as more comes soon. The
body's declared length bounds what is read, so nothing of a later request is touched; the connection is closed after the
response, because the server did not see the body end. Short bodies, other servers and TLS are read as usual.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from collections.abc import Callable

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hanse.errors import HanseError, TooLarge

PIECE = 2 * 1024 * 1024
_BUFFER = 512 * 1024
"""Bytes read and fed on at a time: few enough to be in the processor's own cache still when they are hashed and written."""
_BURST = 32 * 1024 * 1024
"""Bytes after which a worker thread is given back, so that many uploads share the threads fairly."""
_LINGER_MS = 50
_STALL_SECONDS = 120.0
_PATIENCE_SECONDS = 0.5
"""How long a full piece is waited for: a sender whose window is full, or who is gone, may never fill it."""
_DRAIN_SECONDS = 10.0
_MAX_DIGITS = 18

Feed = Callable[[bytes | memoryview], object]
"""Takes the next bytes of a body, in a worker thread; must not keep a memoryview."""


def content_length(request: Request) -> int | None:
    """Return the declared length of the body in bytes, None if there is none."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


async def take_body(request: Request, limit: int, feed: Feed) -> int:
    """Feed the whole body on in pieces of about 2 MiB and return its length.

    Raises TooLarge beyond `limit` bytes, before anything is read if the length is declared; ClientDisconnect when the client
    is gone or silent for two minutes; and what `feed` raises.
    """
    declared = content_length(request)
    if (declared or 0) > limit:
        raise TooLarge(f"this request may have at most {limit} bytes, {declared} are declared")
    parts = [await _next(request)]
    total = held = len(parts[0][0])
    while parts[-1][1]:
        cycle = _plain_cycle(request)
        if cycle is not None and declared is not None and declared - total >= PIECE:
            await anyio.to_thread.run_sync(feed, b"".join(part for part, _ in parts))
            await _TakenOver(cycle, declared - total).take(feed)
            return declared
        if held >= PIECE:
            await anyio.to_thread.run_sync(feed, b"".join(part for part, _ in parts))
            parts, held = [], 0
        parts.append(await _next(request))
        held += len(parts[-1][0])
        total += len(parts[-1][0])
        if total > limit:
            raise TooLarge(f"this request may have at most {limit} bytes")
    await anyio.to_thread.run_sync(feed, b"".join(part for part, _ in parts))
    return total


async def _next(request: Request) -> tuple[bytes, bool]:
    """Return the next part of the body as the server gives it, and whether more comes."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), bool(message.get("more_body", False))


def _plain_cycle(request: Request) -> RequestResponseCycle | None:
    """Return uvicorn's state of the request if the body comes over plain TCP on a system that can count what has arrived."""
    cycle = getattr(request.receive, "__self__", None)
    plain = request.scope.get("scheme") == "http" and hasattr(socket, "SO_RCVLOWAT")
    return cycle if plain and isinstance(cycle, RequestResponseCycle) else None


class _TakenOver:
    """The rest of one body, `left` bytes, read past the server."""

    def __init__(self, cycle: RequestResponseCycle, left: int) -> None:
        cycle.flow.pause_reading()
        self._early = bytes(cycle.body)
        cycle.body = bytearray()
        cycle.keep_alive = False
        self._left = left
        transport: socket.socket = cycle.transport.get_extra_info("socket")
        # The event loop refuses a second watcher on the transport's own descriptor.
        self._socket = socket.socket(fileno=os.dup(transport.fileno()))

    async def take(self, feed: Feed) -> None:
        """Feed everything on; after an error the client is given time to finish sending, so that it reads the answer."""
        try:
            if self._early:
                self._left -= len(self._early)
                await anyio.to_thread.run_sync(feed, self._early)
            buffer = memoryview(bytearray(_BUFFER))
            while self._left:
                await self._readable(_STALL_SECONDS)
                await anyio.to_thread.run_sync(self._move, buffer, feed)
        except HanseError:
            await self._drain()
            raise
        finally:
            self._socket.close()

    def _move(self, buffer: memoryview, feed: Feed) -> None:
        """Read and feed on, piece by piece, until nothing comes for a moment; in a worker thread."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        moved = 0
        while self._left and moved < _BURST:
            got = self._receive(buffer[: min(self._left, len(buffer))])
            self._left -= got
            moved += got
            if got:
                feed(buffer[:got])
            if got < len(buffer):  # nothing more is there
                self._mark()
                if self._left and not poll.poll(_LINGER_MS):
                    return

    def _receive(self, buffer: memoryview) -> int:
        """Read what is there, up to the length of `buffer`."""
        got = 0
        while got < len(buffer):
            try:
                count = self._socket.recv_into(buffer[got:])
            except BlockingIOError:
                break
            except OSError as error:
                raise ClientDisconnect from error
            if count == 0:
                raise ClientDisconnect
            got += count
        return got

    def _mark(self) -> None:
        """Have the socket reported readable when one piece, or all that is left, has arrived."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, min(self._left, PIECE)))

    async def _readable(self, seconds: float) -> None:
        """Wait for a piece or all that is left, soon for anything at all; raises ClientDisconnect after `seconds` of silence."""
        self._mark()
        if await self._reported(_PATIENCE_SECONDS):
            return
        # A slow client is not a silent one, and bytes that fill the receive window below one piece must be taken too.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        if not await self._reported(seconds):
            raise ClientDisconnect

    async def _reported(self, seconds: float) -> bool:
        """Tell whether the kernel reports the socket readable within `seconds`."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._socket.fileno(), ready.set)
        try:
            async with asyncio.timeout(seconds):
                await ready.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._socket.fileno())
        return True

    async def _drain(self) -> None:
        """Read and drop what the client still sends, for a while."""
        buffer = memoryview(bytearray(PIECE))
        end = time.monotonic() + _DRAIN_SECONDS
        try:
            while self._left and time.monotonic() < end:
                await self._readable(_DRAIN_SECONDS)
                await anyio.to_thread.run_sync(self._move, buffer, len)
        except ClientDisconnect:
            return
