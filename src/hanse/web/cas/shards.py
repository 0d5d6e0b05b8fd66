"""Shard uploads: one answer at the end (v1), or lines of progress while the check runs (v2; hub-api.md B.2).

The check itself goes on when the client is gone; the same shard sent again waits for it instead of starting over.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import anyio
import anyio.to_thread
import msgspec
import structlog
from anyio.lowlevel import RunVar
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hanse.content.shard import MAX_SHARD_BYTES
from hanse.errors import Busy, HanseError, StorageError
from hanse.flows.register import register_shard
from hanse.flows.sessions import Session
from hanse.web.cas.common import json_response, routes, session
from hanse.web.routing import Call

log = structlog.get_logger("hanse.web.cas")
HEARTBEAT_SECONDS = 2.0
_MAX_CHECKS = 64
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("shard checks")


def _own_threads() -> anyio.CapacityLimiter:
    """Return the limit on threads that wait for checks: they must not use up those that short calls need."""
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_MAX_CHECKS)
        _limiter.set(limiter)
        return limiter


@dataclass
class _Progress:
    """What a check has done so far, in bytes, and what came of it."""

    verified: int = 0
    total: int = 0
    new: bool = False
    error: HanseError | None = None

    def update(self, verified: int, total: int) -> None:
        """Take in the state of the check."""
        self.verified, self.total = verified, total

    def line(self) -> bytes:
        """Return the line for the present state."""
        if self.total and self.verified >= self.total:
            return msgspec.json.encode({"type": "committing", "stage": "syncing"}) + b"\n"
        return msgspec.json.encode({"type": "validating", "verified": self.verified, "total": self.total}) + b"\n"

    def last_line(self) -> bytes:
        """Return the line that ends the answer."""
        if self.error is None:
            return msgspec.json.encode({"type": "result", "result": int(self.new)}) + b"\n"
        hint = f" ({self.error.hint})" if self.error.hint else ""
        retryable = isinstance(self.error, StorageError)
        return msgspec.json.encode({"type": "error", "message": f"{self.error.message}{hint}", "retryable": retryable}) + b"\n"


async def _run(call: Call, opened: Session, data: bytes, progress: _Progress) -> None:
    check = functools.partial(register_shard, call.node, opened.actor, opened.repo, data, progress.update)
    progress.new = await anyio.to_thread.run_sync(check, abandon_on_cancel=True, limiter=_own_threads())


class ProgressResponse(Response):
    """Lines of JSON from the start of a check to its end, at least one every two seconds."""

    media_type = "application/x-ndjson"

    def __init__(self, call: Call, opened: Session, data: bytes) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._call = call
        self._opened = opened
        self._data = data

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines; ends early, without ending the check, when the client is gone."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        progress, done = _Progress(), anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._check, progress, done)
            tasks.start_soon(_cancel_when_gone, receive, tasks.cancel_scope)
            while not done.is_set():
                await send({"type": "http.response.body", "body": progress.line(), "more_body": True})
                with anyio.move_on_after(HEARTBEAT_SECONDS):
                    await done.wait()
            await send({"type": "http.response.body", "body": progress.last_line(), "more_body": False})
            tasks.cancel_scope.cancel()

    async def _check(self, progress: _Progress, done: anyio.Event) -> None:
        try:
            await _run(self._call, self._opened, self._data, progress)
        except HanseError as error:
            progress.error = error
        except Exception:
            log.exception("unexpected", path="shards")
            progress.error = Busy("internal error: the log of this node has the details")
        done.set()


async def _cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _shard(call: Call) -> tuple[Session, bytes]:
    opened = await session(call, write=True)
    limit = min(call.node.limits.max_shard_bytes, MAX_SHARD_BYTES)
    return opened, await call.body(limit)


async def shard_v1(call: Call) -> Response:
    """Take in a shard; answer 1 if its files are new to the repository, 0 if it was taken in before."""
    opened, data = await _shard(call)
    progress = _Progress()
    await _run(call, opened, data, progress)
    return json_response({"result": int(progress.new)})


async def shard_v2(call: Call) -> Response:
    """Take in a shard; answer lines of progress, then the result or the error."""
    opened, data = await _shard(call)
    return ProgressResponse(call, opened, data)


ROUTES = [
    *routes("POST", "/shards", shard_v2, "v2"),
    *routes("POST", "/shards", shard_v1, "v1", ""),
    # The name in the address says nothing that the shard does not; PUT is the same, awaited.
    *routes("POST", "/shard/{prefix}/{hash}", shard_v1, ""),
    *routes("PUT", "/shard/{prefix}/{hash}", shard_v1, ""),
]
