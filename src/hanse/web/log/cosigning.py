"""Answers of C2SP tlog-witness and tlog-mirror, from bytes to HTTP; for a node, and for a witness that is nothing else.

The only authentication of a request is the log's signature in it, so anybody may submit any log's checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from hanse.errors import BadFormat, BadSignature, BlobNotFound, SizeConflict
from hanse.flows import mirror_cosign, witness
from hanse.flows.keeper import Keeper
from hanse.tlog.addcheckpoint import MAX_REQUEST_BYTES, SIZE_TYPE, encode_size
from hanse.tlog.tiles import parse_tile_path

__all__ = ["MAX_REQUEST_BYTES", "add_to_mirror", "add_to_witness", "mirrored_checkpoint", "mirrored_tile", "witnessed_checkpoint"]

_NOTE = "text/plain; charset=utf-8"
_FRESH = {"cache-control": "no-cache"}
_IMMUTABLE = {"cache-control": "public, max-age=31536000, immutable"}


def add_to_witness(node: Keeper, body: bytes) -> Response:
    """Return the answer to `add-checkpoint` of the witness; raises what is answered as usual."""
    return _add(node, body, lambda keeper, request: witness.submit(keeper, request).lines)


def add_to_mirror(node: Keeper, body: bytes) -> Response:
    """Return the answer to `add-checkpoint` of the mirror; raises what is answered as usual."""
    return _add(node, body, mirror_cosign.submit)


def _add(node: Keeper, body: bytes, submit: Callable[[Keeper, bytes], tuple[str, ...]]) -> Response:
    try:
        lines = submit(node, body)
    except SizeConflict as error:
        return Response(encode_size(error.size), 409, headers={"content-type": SIZE_TYPE})
    except BadSignature as error:  # elsewhere 422; tlog-witness wants 403
        return Response(f"{error.message}\n", 403, media_type=_NOTE)
    return Response("".join(f"{line}\n" for line in lines), media_type=_NOTE)


def witnessed_checkpoint(node: Keeper, log: str) -> Response:
    """Return the last checkpoint cosigned of the log with this origin hash; raises NotFoundError."""
    return Response(witness.newest_checkpoint(node, log), media_type=_NOTE, headers=_FRESH)


def mirrored_checkpoint(node: Keeper, log: str) -> Response:
    """Return the last checkpoint cosigned as a mirror of the log with this origin hash; raises NotFoundError."""
    return Response(mirror_cosign.newest_checkpoint(node, log), media_type=_NOTE, headers=_FRESH)


def mirrored_tile(node: Keeper, log: str, path: str) -> Response:
    """Return a tile or entry bundle of a copy, named by what follows `tile/`; raises NotFoundError or BlobNotFound."""
    try:
        name = parse_tile_path(f"tile/{path}")
    except BadFormat as error:
        raise BlobNotFound(error.message) from error
    return Response(mirror_cosign.read_copy(node, log, name), media_type="application/octet-stream", headers=_IMMUTABLE)
