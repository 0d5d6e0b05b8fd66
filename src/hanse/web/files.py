"""Files by their Xet hash, with ranges, and their chunk lists: what gateways and other nodes fetch from."""

from __future__ import annotations

from starlette.responses import Response

from hanse.flows.files import chunk_list, open_by_xet
from hanse.model.digest import parse_xet
from hanse.web.blob_response import IMMUTABLE, BlobResponse
from hanse.web.routing import Call, Route

SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
}


def _cache(shared: bool) -> str:
    # What not everybody may read, or not tomorrow, is in no shared cache; the bytes never change.
    return IMMUTABLE if shared else IMMUTABLE.replace("public", "private")


async def file_bytes(call: Call) -> Response:
    """Answer the bytes of a file by its Xet hash, whole or a range, if some repository gives it to the caller."""
    xet = parse_xet(call.params["xet"])
    source, shared = await call.run(open_by_xet, call.node, call.actor, xet)
    return BlobResponse(call.request, source, etag=xet, headers=SAFETY, cache=_cache(shared))


async def file_chunks(call: Call) -> Response:
    """Answer the chunk list of a file: 32-byte hash and u32 LE length per chunk, which recompute to the file's hash."""
    xet = parse_xet(call.params["xet"])
    data, shared = await call.run(chunk_list, call.node, call.actor, xet)
    headers = {**SAFETY, "ETag": f'"{xet}"', "Cache-Control": _cache(shared)}
    return Response(data, media_type="application/octet-stream", headers=headers)


ROUTES = [
    Route("GET", "/files/{xet}", file_bytes, files=True),
    Route("GET", "/files/{xet}/chunks", file_chunks, files=True),
]
