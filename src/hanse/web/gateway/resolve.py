"""File bytes: GET and HEAD /[datasets/]{repo}/resolve/{rev}/{path}.

HEAD is answered from the pins at once. GET sends nothing, not even headers, before what follows is known to be right: either
each chunk can be checked by itself, or the whole file is here, hashed and judged. Whoever asks to be told after some seconds how
far it is, as gateways and nodes do, is told, also where only the first chunk is late (`hanse.model.steps`): he would take the
silence after the headers for that of a server that is stuck.

Python's Hub client refuses, without asking, a file that HEAD says is larger than 50 GB and that does not come by Xet. From 1.0
on it takes the size from the answer to its GET if HEAD says none; so it is told none.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hanse.errors import BlobNotFound
from hanse.model.digest import is_git_oid
from hanse.model.filepin import FilePin
from hanse.model.steps import PREFER, PROGRESS, Steps, parse_wait
from hanse.store.base import ByteSource, FileSlice
from hanse.web.blob_response import IMMUTABLE, PIECE, BlobResponse, InMemory, Sized
from hanse.web.errors import header_text
from hanse.web.gateway.info import json_response, warned
from hanse.web.gateway.source import Asked, Fetching, HeldBytes, Pulled, fetch_of, held_of
from hanse.web.gateway.tree import file_pin
from hanse.web.mediatypes import SAFETY, content_type, disposition

_POLL_SECONDS = 1.0
_RETRY_SECONDS = 5
_RETRY_TOLD_SECONDS = 1


@dataclass(frozen=True, slots=True)
class _Opened:
    """A whole file by its descriptor, so that what was checked is what is sent, wherever its name points by then."""

    file: int
    size: int

    def pieces(self, start: int, length: int) -> Iterator[FileSlice]:
        """Yield the run as one slice, for the system to send."""
        yield FileSlice(Path(f"/proc/self/fd/{self.file}"), start, length)


@dataclass(frozen=True, slots=True)
class _Arriving:
    """A file of which every chunk is checked before it comes out here."""

    fetch: Fetching
    size: int

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the run as it comes in."""
        yield from self.fetch.read(start, start + length)


class _Closing(BlobResponse):
    """Closes the descriptor of what it sent; ends a fetch of which it sent a part, or which nobody reads any more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and close."""
        source, whole = self.source, False
        if isinstance(source, InMemory) and self.length and not self.head_only:
            body = source.data[self.start : self.start + self.length]
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        try:
            await super().__call__(scope, receive, send)
            whole = self.length == source.size
        finally:
            if isinstance(source, _Opened):
                os.close(source.file)
            elif isinstance(source, _Arriving) and not whole:
                source.fetch.cancel()


def _headers(pin: FilePin, commit: str) -> dict[str, str]:
    headers = {"X-Repo-Commit": commit, "Content-Disposition": disposition(pin.path), **SAFETY}
    if pin.lfs:
        headers |= {"X-Linked-Etag": f'"{pin.etag}"', "X-Linked-Size": str(pin.size)}
    return headers


def _asks_without_size(agent: str) -> bool:
    """Tell whether a User-Agent is of Python's Hub client 1.0 or later."""
    major = agent.partition("hf_hub/")[2].partition(".")[0]
    return major.isascii() and major.isdigit() and major.lstrip("0") != ""


def _cache(asked: Asked, revision: Pulled) -> str:
    if asked.token or revision.claims.get("private") or revision.claims.get("gated"):
        return "private, no-cache"
    return IMMUTABLE if is_git_oid(asked.rev) else "no-cache"


async def _ready(asked: Asked, revision: Pulled, first: BlobResponse, *, last: bool) -> ByteSource | Response | None:
    """Return the file once its first byte may leave, or the answer that it is not here yet; None if it is to be asked for again.

    first: the answer with its headers alone; last: one that was moved or changed since it was found is not asked for again, and
    BlobNotFound is raised then.
    """
    size = first.source.size

    def at_hand() -> Fetching | ByteSource | None:
        found = asked.source.file(revision, asked.path)
        held = held_of(found)
        return fetch_of(found) if held is None else _opened(held, size, last=last)

    found = await asked.run(at_hand)
    if found is None or not hasattr(found, "settle"):
        return found
    fetch = cast("Fetching", found)
    ready = await _settled(asked, fetch, first.start)
    if ready is None:
        return _busy(asked, fetch)
    held = held_of(ready)
    if held is None:
        return _Arriving(fetch, size)
    return await asked.run(lambda: _opened(held, size, last=last))


def _opened(held: HeldBytes, size: int, *, last: bool) -> ByteSource | None:
    """Return what lies here, opened, and read if it is small; None, or on the last try BlobNotFound, if it changed meanwhile."""
    try:
        return _sendable(held.open(), size)
    except BlobNotFound:
        if last:
            raise
        return None


def _sendable(file: int, size: int) -> ByteSource:
    """Return the file of a descriptor, which it takes over; raises BlobNotFound if it is not as long as it was."""
    if size > PIECE:
        return _Opened(file, size)
    try:
        data = os.pread(file, size + 1, 0)
    finally:
        os.close(file)
    if len(data) != size:
        raise BlobNotFound("a held file changed while it was read", hint="ask for it again")
    return InMemory(data)


async def _settled(asked: Asked, found: Fetching, start: int) -> Fetching | HeldBytes | None:
    """Return the file once its first byte may leave; None if the caller left, or may not be kept waiting any longer.

    A fetch that nobody waits for just now goes on: he who was told how far it is asks again. Who is not told gets the headers of
    what can be streamed at once.
    """
    told = _told_after(asked)
    waits = [seconds for seconds in (asked.patience, told) if seconds is not None]
    until = time.monotonic() + min(waits) if waits else None

    def settled() -> Fetching | HeldBytes | None:
        # What has come whole is sent by the system; `wait` raises what went wrong.
        return (found.wait(0) or found) if found.settle(_POLL_SECONDS, None if told is None else start) else None

    while (ready := await asked.run(settled)) is None:
        gone = await asked.request.is_disconnected()
        if gone:
            found.cancel()
        if gone or (until is not None and time.monotonic() > until):
            return None
    return ready


def _told_after(asked: Asked) -> int | None:
    return parse_wait(asked.request.headers.get(PREFER, ""))


def _busy(asked: Asked, found: Fetching) -> Response:
    done, total = found.progress
    heard = found.heard
    there = f", {heard.done} of {heard.total} where they come from" if heard.total else ""
    text = f"{asked.path[:200]!r} is being fetched and checked: {done} of {total} bytes are here{there}; ask again"
    again = _RETRY_SECONDS if _told_after(asked) is None else _RETRY_TOLD_SECONDS
    headers = {"Retry-After": str(again), "X-Error-Code": "Busy", "X-Error-Message": header_text(text)}
    headers[PROGRESS] = str(Steps(done, total).after(heard))
    return json_response({"error": text, "code": "Busy", "done": done, "total": total}, headers, 503)


async def resolve(asked: Asked) -> Response:
    """Answer a file's bytes or, to HEAD, what they are."""
    head = asked.request.method == "HEAD"
    revision = await asked.revision()
    pin = file_pin(revision, asked.path)
    headers, cache = _headers(pin, revision.rev), _cache(asked, revision)
    media = content_type(pin.path)

    def answer(source: ByteSource) -> BlobResponse:
        given = _Closing(asked.request, source, etag=pin.etag, headers=headers, media_type=media, cache=cache)
        given.threads = asked.threads
        return given

    first = answer(Sized(pin.size))
    if head and pin.size > asked.large and _asks_without_size(asked.request.headers.get("user-agent", "")):
        for name in ("content-length", "x-linked-size"):
            del first.headers[name]
    if head or first.status_code not in (200, 206):
        return warned(first, revision)
    # What was moved or changed since it was found is fetched, the second time, like one that never was here.
    ready = await _ready(asked, revision, first, last=False) or await _ready(asked, revision, first, last=True)
    return ready if isinstance(ready, Response) else warned(answer(cast("ByteSource", ready)), revision)
