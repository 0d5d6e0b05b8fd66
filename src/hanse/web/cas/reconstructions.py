"""Reconstructions, file sizes and chunk lists: how a client that holds a Xet token gets at a file (hub-api.md B.2, B.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.responses import Response

from hanse.content.reconstruction import ByteRange, Plan, render_v1, render_v2
from hanse.errors import BadRange, BlobNotFound
from hanse.flows.reconstruct import chunk_list, find_file, plan
from hanse.flows.sessions import Session
from hanse.flows.tokens import sign
from hanse.model.digest import XetHash
from hanse.web.blob_response import IMMUTABLE
from hanse.web.cas.common import cas_url, routes, session, xet_param
from hanse.web.ranges import single_range
from hanse.web.routing import Call

Render = Callable[[Plan, Callable[[XetHash, tuple[ByteRange, ...]], str]], dict[str, Any]]


async def _reconstruct(call: Call, render: Render) -> Response:
    opened = await session(call)
    try:
        body = await call.run(_answer, call, opened, xet_param(call), render)
    except BadRange:
        return Response(status_code=416)  # how hf-xet 1.2 learns that it has reached the end of a file
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _answer(call: Call, opened: Session, xet: XetHash, render: Render) -> bytes:
    node, base = call.node, cas_url(call)
    file = find_file(node, opened.actor, opened.repo, xet)
    start, stop = single_range(call.request.headers.get("range"), file.size) or (0, file.size)
    made = plan(node, opened.actor, opened.repo, xet, start=start, stop=stop)

    def url_for(xorb: XetHash, ranges: tuple[ByteRange, ...]) -> str:
        return f"{base}/data/{xorb}?{sign(node, 'xorb', xorb, ranges)}"

    return msgspec.json.encode(render(made, url_for))


async def reconstruction_v1(call: Call) -> Response:
    """Answer which xorb ranges make up a range of a file, one entry per range."""
    return await _reconstruct(call, render_v1)


async def reconstruction_v2(call: Call) -> Response:
    """Answer which xorb ranges make up a range of a file, one entry per address."""
    return await _reconstruct(call, render_v2)


async def file_head(call: Call) -> Response:
    """Answer the size of a file in Content-Length."""
    opened = await session(call)
    file = await call.run(find_file, call.node, opened.actor, opened.repo, xet_param(call))
    return Response(headers={"Content-Length": str(file.size), "ETag": f'"{file.xet}"'})


async def file_chunk_hashes(call: Call) -> Response:
    """Answer the chunk list of a file: 32-byte hash and u32 LE length per chunk, which recompute to the file's name.

    The form with X-Range-Dirty, by which experimental clients edit ranges in place, is not offered.
    """
    if "x-range-dirty" in call.request.headers:
        raise BlobNotFound("editing ranges in place is not offered here", hint="upload the whole file instead")
    opened = await session(call)
    xet = xet_param(call)
    data = await call.run(chunk_list, call.node, opened.actor, opened.repo, xet)
    headers = {"ETag": f'"{xet}"', "Cache-Control": IMMUTABLE.replace("public", "private")}
    return Response(data, media_type="application/octet-stream", headers=headers)


ROUTES = [
    *routes("GET", "/reconstructions/{hash}", reconstruction_v2, "v2"),
    *routes("GET", "/reconstructions/{hash}", reconstruction_v1, "v1", ""),
    *routes("GET", "/reconstruction/{hash}", reconstruction_v1, ""),
    *routes("HEAD", "/files/{hash}", file_head, "v1", ""),
    *routes("GET", "/file-chunk-hashes/{hash}", file_chunk_hashes, "v2", "v1"),
]
