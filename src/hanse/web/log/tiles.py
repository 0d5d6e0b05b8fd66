"""The log as static files (C2SP tlog-tiles): what is named by its place never changes, the checkpoint always does."""

from __future__ import annotations

import gzip
import hashlib

from starlette.responses import Response

from hanse.errors import BadFormat, BlobNotFound
from hanse.flows.enough import cosigned_checkpoint
from hanse.tlog.tiles import TileName, parse_tile_path
from hanse.web.blob_response import IMMUTABLE, etag_matches
from hanse.web.routing import Call, Route

MUTABLE = "no-cache"
_DIGITS = 19


async def checkpoint(call: Call) -> Response:
    """Answer the newest checkpoint of this node's log: its signed head and the cosignatures known for it."""
    note = await call.run(call.node.log.checkpoint)
    return Response(note, media_type="text/plain; charset=utf-8", headers={"Cache-Control": MUTABLE})


async def checkpoint_cosigned(call: Call) -> Response:
    """Answer the newest checkpoint of this node's log that enough others cosigned, as evidence shows it; 404 if nobody did."""
    note = await call.run(cosigned_checkpoint, call.node)
    return Response(note, media_type="text/plain; charset=utf-8", headers={"Cache-Control": MUTABLE})


async def checkpoint_after(call: Call) -> Response:
    """Answer the first cosigned checkpoint that has the leaf at this index, as far as it is kept; 404 if there is none."""
    text = call.params["index"]
    if not (text.isascii() and text.isdecimal() and len(text) < _DIGITS):
        raise BadFormat(f"the index of a leaf is a number, not {text[:40]!r}")
    note = await call.run(call.node.log.checkpoint_after, int(text))
    return Response(note, media_type="text/plain; charset=utf-8", headers={"Cache-Control": MUTABLE})


async def tile(call: Call) -> Response:
    """Answer a hash tile (`LEVEL/INDEX`) or entry bundle (`entries/INDEX`), full or partial (`.p/WIDTH`); it never changes."""
    name = _name(call.params["path"])
    data = await call.run(call.node.log.files.read, name)
    headers = {"Cache-Control": IMMUTABLE, "ETag": f'"{hashlib.sha256(data).hexdigest()[:32]}"'}
    if etag_matches(call.request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if name.level is None:
        headers["Vary"] = "Accept-Encoding"
        if _takes_gzip(call.request.headers.get("accept-encoding", "")):
            headers |= {"Content-Encoding": "gzip", "ETag": f"W/{headers['ETag']}"}
            data = await call.run(gzip.compress, data, 6, mtime=0)
    return Response(data, media_type="application/octet-stream", headers=headers)


def _name(path: str) -> TileName:
    try:
        return parse_tile_path(f"tile/{path}")
    except BadFormat as error:
        raise BlobNotFound(error.message, hint="docs: C2SP tlog-tiles") from error


def _takes_gzip(accepted: str) -> bool:
    parts = [part.replace(" ", "").partition(";") for part in accepted[:400].lower().split(",")]
    return any(name == "gzip" and weight not in ("q=0", "q=0.0") for name, _, weight in parts)


ROUTES = [
    Route("GET", "/log/checkpoint", checkpoint),
    Route("GET", "/log/checkpoint/cosigned", checkpoint_cosigned),
    Route("GET", "/log/checkpoint/after/{index}", checkpoint_after),
    Route("GET", "/log/tile/{path*}", tile),
]
