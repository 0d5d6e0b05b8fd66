"""C2SP tlog-witness and tlog-mirror: this node's cosignatures of other logs, and its copies of them."""

from __future__ import annotations

from starlette.responses import Response

from hanse.web.log import cosigning
from hanse.web.routing import Call, Route


async def add_to_witness(call: Call) -> Response:
    """Cosign a log's checkpoint that continues the last one seen of it (C2SP tlog-witness)."""
    body = await call.body(cosigning.MAX_REQUEST_BYTES)
    return await call.run(cosigning.add_to_witness, call.node, body)


async def witnessed_checkpoint(call: Call) -> Response:
    """Answer the last checkpoint cosigned of the log with this origin hash."""
    return await call.run(cosigning.witnessed_checkpoint, call.node, call.params["log"])


async def add_to_mirror(call: Call) -> Response:
    """Take a log's checkpoint for the mirror, and cosign it once the log is held and replayed up to there; empty before."""
    body = await call.body(cosigning.MAX_REQUEST_BYTES)
    return await call.run(cosigning.add_to_mirror, call.node, body)


async def mirrored_checkpoint(call: Call) -> Response:
    """Answer the last checkpoint cosigned as a mirror of the log with this origin hash."""
    return await call.run(cosigning.mirrored_checkpoint, call.node, call.params["log"])


async def mirrored_tile(call: Call) -> Response:
    """Answer a hash tile or entry bundle of the copy of the log with this origin hash."""
    return await call.run(cosigning.mirrored_tile, call.node, call.params["log"], call.params["path"])


ROUTES = [
    Route("POST", "/witness/add-checkpoint", add_to_witness, auth=False),
    Route("GET", "/witness/{log}/checkpoint", witnessed_checkpoint, auth=False),
    Route("POST", "/mirror/add-checkpoint", add_to_mirror, auth=False),
    Route("GET", "/mirror/{log}/checkpoint", mirrored_checkpoint, auth=False),
    Route("GET", "/mirror/{log}/tile/{path*}", mirrored_tile, auth=False),
]
