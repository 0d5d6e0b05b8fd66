"""Zero-copy sending under uvicorn: `http.response.zerocopysend` by os.sendfile.

uvicorn has no such extension (Kludex/uvicorn 2840 is open) and uvloop no sendfile, so the node runs on the standard event
loop, where this small ASGI wrapper adds it for plain TCP; a message may also name several runs of one file (`runs`: offset and
count of each). Response headers go the usual way; the body of one message is sent by the kernel from the page cache. A
duplicate of the socket's descriptor is watched for writability, because asyncio does not let a transport's own descriptor be
watched twice.

All transfers of a process together move about `_SLICE` bytes per turn of the loop and then yield: that bounds the latency that
fast downloads can cost everybody else, however many they are. The next slices are announced to the kernel
(POSIX_FADV_WILLNEED), so that a cold file is read ahead instead of stalling the loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_SLICE = 1024 * 1024
_LEAST = 64 * 1024
_READ_AHEAD = 8 * 1024 * 1024
_STALL_SECONDS = 120.0
EXTENSION = "http.response.zerocopysend"


def with_sendfile(app: ASGIApp) -> ASGIApp:
    """Return `app` with the zero-copy extension offered where the connection allows it (uvicorn, plain TCP, Linux)."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        cycle = getattr(send, "__self__", None)
        if scope["type"] != "http" or not isinstance(cycle, RequestResponseCycle) or scope.get("scheme") != "http":
            await app(scope, receive, send)
            return
        scope.setdefault("extensions", {})[EXTENSION] = {}
        await app(scope, receive, _sender(cycle, send))

    return wrapped


def _sender(cycle: RequestResponseCycle, send: Send) -> Callable[[Message], Awaitable[None]]:
    async def forward(message: Message) -> None:
        if message["type"] != EXTENSION:
            await send(message)
            return
        runs = message["runs"] if "runs" in message else ((message["offset"], message["count"]),)
        await _send_runs(cycle, message["file"], runs)
        if not message.get("more_body", False):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return forward


async def _send_runs(cycle: RequestResponseCycle, file: int, runs: Sequence[tuple[int, int]]) -> None:
    """Send runs (offset, count) of descriptor `file`, one after the other; returns early if the client is gone."""
    if cycle.expected_content_length < sum(count for _, count in runs):
        raise RuntimeError("response content longer than Content-Length")
    await _flushed(cycle)
    if cycle.disconnected or cycle.transport.is_closing():
        return
    sock: Any = cycle.transport.get_extra_info("socket")
    out = os.dup(sock.fileno())
    try:
        await _pump(cycle, out, file, runs)
    except (ConnectionError, TimeoutError):
        cycle.transport.abort()
    finally:
        os.close(out)


async def _flushed(cycle: RequestResponseCycle) -> None:
    """Wait until everything written so far is in the kernel, so that body bytes cannot overtake headers."""
    while cycle.transport.get_write_buffer_size() and not cycle.disconnected:  # noqa: ASYNC110 transports have no such event
        await asyncio.sleep(0.001)


class _Running:
    """How many transfers are under way on this process's loop."""

    def __init__(self) -> None:
        self.count = 0

    def share(self) -> int:
        """Return how many bytes one of them may move per turn."""
        return max(_LEAST, _SLICE // self.count)


_running = _Running()


async def _pump(cycle: RequestResponseCycle, out: int, file: int, runs: Sequence[tuple[int, int]]) -> None:
    _running.count += 1
    try:
        await _pump_runs(cycle, out, file, runs)
    finally:
        _running.count -= 1


async def _pump_runs(cycle: RequestResponseCycle, out: int, file: int, runs: Sequence[tuple[int, int]]) -> None:
    """Send run after run; whatever their lengths, the loop gets its turn whenever this transfer's share is used up."""
    ahead, stop = runs[0][0], sum(runs[-1])
    left = _running.share()
    for start, count in runs:
        offset, end = start, start + count
        while offset < end and not cycle.disconnected:
            if ahead < stop and ahead < offset + _READ_AHEAD // 2:
                os.posix_fadvise(file, ahead, _READ_AHEAD, os.POSIX_FADV_WILLNEED)
                ahead += _READ_AHEAD
            try:
                sent = os.sendfile(out, file, offset, min(left, end - offset))
            except BlockingIOError:
                await _writable(out)
                continue
            if sent == 0:
                raise ConnectionError("file ended early")  # the length was promised: only closing is honest
            offset += sent
            cycle.expected_content_length -= sent
            left -= sent
            if left <= 0:
                await asyncio.sleep(0)
                left = _running.share()


async def _writable(out: int) -> None:
    """Wait until the socket takes more bytes; raises TimeoutError when the client stalls."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(out, _resolve, ready)
    try:
        async with asyncio.timeout(_STALL_SECONDS):
            await ready
    finally:
        loop.remove_writer(out)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
