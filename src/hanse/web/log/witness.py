"""C2SP tlog-witness: cosignatures of this node as a witness and as a mirror of other logs.

The only authentication of a request is the log's signature in it, so anybody may submit any log's checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from hanse.errors import BadSignature, SizeConflict
from hanse.flows import witness
from hanse.flows.node import Node
from hanse.tlog.addcheckpoint import MAX_REQUEST_BYTES, SIZE_TYPE, encode_size
from hanse.web.routing import Call, Route

_NOTE = "text/plain; charset=utf-8"
_FRESH = {"cache-control": "no-cache"}


async def _add(call: Call, submit: Callable[[Node, bytes], tuple[str, ...]]) -> Response:
    body = await call.body(MAX_REQUEST_BYTES)
    try:
        lines = await call.run(submit, call.node, body)
    except SizeConflict as error:
        return Response(encode_size(error.size), 409, headers={"content-type": SIZE_TYPE})
    except BadSignature as error:  # elsewhere 422; tlog-witness wants 403
        return Response(f"{error.message}\n", 403, media_type=_NOTE)
    return Response("".join(f"{line}\n" for line in lines), media_type=_NOTE)


async def add_to_witness(call: Call) -> Response:
    """Cosign a log's checkpoint that continues the last one seen of it (C2SP tlog-witness)."""
    return await _add(call, _witness)


def _witness(node: Node, body: bytes) -> tuple[str, ...]:
    return witness.submit(node, body).lines


async def witnessed_checkpoint(call: Call) -> Response:
    """Answer the last checkpoint cosigned of the log with this origin hash."""
    note = await call.run(witness.newest_checkpoint, call.node, call.params["log"])
    return Response(note, media_type=_NOTE, headers=_FRESH)


ROUTES = [
    Route("POST", "/witness/add-checkpoint", add_to_witness, auth=False),
    Route("GET", "/witness/{log}/checkpoint", witnessed_checkpoint, auth=False),
]
