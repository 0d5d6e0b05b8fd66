"""Stored xorbs under signed addresses: exactly the byte ranges that the signature names, sent by the system where it can.

One range is 206; several are 206 multipart/byteranges (RFC 9110 section 15.3.7.2), which Xet clients may be set to ask for.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response

from hanse.errors import BadRange, BlobNotFound, IntegrityError, NotAllowed
from hanse.flows.node import Node
from hanse.flows.read import BlobSource
from hanse.flows.tokens import Signed, check_signed
from hanse.model.digest import XetHash
from hanse.store.base import FileSlice
from hanse.store.keys import xorb_key
from hanse.web.blob_response import BlobResponse
from hanse.web.cas.common import PREFIX, xet_param
from hanse.web.ranges import parse_ranges
from hanse.web.routing import Call, Route

_CACHE = "private, max-age=3600, immutable"


def _open(node: Node, xorb: XetHash) -> BlobSource:
    size = node.store.size(xorb_key(xorb))
    if size is None:
        raise BlobNotFound(f"xorb {xorb} is not here any more", hint="ask for the reconstruction again")
    return BlobSource(node.store, xorb_key(xorb), size)


def _check(signed: Signed, ranges: Sequence[tuple[int, int]], size: int) -> None:
    """Raise NotAllowed unless every wanted range (end exclusive) lies inside a signed one, IntegrityError for a cut xorb."""
    if any(last >= size for _, last in signed.ranges):
        raise IntegrityError(f"xorb {signed.name} is shorter than its table says", hint="run `hanse admin fsck`")
    for start, end in ranges:
        if not any(first <= start and end - 1 <= last for first, last in signed.ranges):
            raise NotAllowed(
                f"bytes {start} to {end - 1} are outside this signed address", hint="ask for the reconstruction again"
            )
    if sum(end - start for start, end in ranges) > size:
        raise BadRange("the ranges overlap")


class _Parts:
    """A multipart/byteranges body as a ByteSource: part headers between slices of one object."""

    def __init__(self, source: BlobSource, ranges: Sequence[tuple[int, int]], boundary: str) -> None:
        self._source = source
        self._ranges = ranges
        self._heads = [
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Range: bytes {start}-{end - 1}/{source.size}\r\n\r\n".encode()
            for start, end in ranges
        ]
        self._tail = f"--{boundary}--\r\n".encode()
        self.size = sum(map(len, self._heads)) + sum(end - start + 2 for start, end in ranges) + len(self._tail)

    def pieces(self, _start: int, _length: int) -> Iterator[bytes | memoryview | FileSlice]:
        """Yield the whole body; a multipart body has no ranges of its own."""
        for head, (start, end) in zip(self._heads, self._ranges, strict=True):
            yield head
            yield from self._source.pieces(start, end - start)
            yield b"\r\n"
        yield self._tail


class _MultipartResponse(BlobResponse):
    """Several ranges of one object."""

    def __init__(self, request: Request, source: BlobSource, ranges: Sequence[tuple[int, int]], *, etag: str) -> None:
        boundary = secrets.token_hex(16)
        headers = {"Content-Type": f"multipart/byteranges; boundary={boundary}"}
        super().__init__(request, _Parts(source, ranges, boundary), etag=etag, headers=headers, cache=_CACHE)

    def _apply_range(self, _request: Request, _quoted: str, _headers: dict[str, str]) -> int:
        return 206  # the source is the multipart body; it has no ranges of its own


def _wanted(request: Request, etag: str, size: int) -> list[tuple[int, int]] | None:
    """Return the ranges that the answer will have, None for everything: what is checked must be what is sent."""
    if request.headers.get("if-range", f'"{etag}"') != f'"{etag}"':
        return None
    return parse_ranges(request.headers.get("range"), size)


async def xorb_data(call: Call) -> Response:
    """Answer bytes of a stored xorb; 403 for a forged or expired address and for ranges that it does not name."""
    xorb = xet_param(call)
    signed = check_signed(call.node, "xorb", xorb, call.request.query_params)
    source = await call.run(_open, call.node, xorb)
    wanted = _wanted(call.request, xorb, source.size)
    _check(signed, wanted if wanted is not None else [(0, source.size)], source.size)
    if wanted is not None and len(wanted) > 1:
        return _MultipartResponse(call.request, source, wanted, etag=xorb)
    return BlobResponse(call.request, source, etag=xorb, cache=_CACHE)


ROUTES = [Route("GET", f"{PREFIX}/data/{{hash}}", xorb_data, auth=False)]
