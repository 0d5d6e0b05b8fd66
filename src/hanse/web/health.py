"""Liveness and readiness."""

from __future__ import annotations

from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from hanse.flows.node import Node
from hanse.web.routing import Call, Route


async def healthz(call: Call) -> Response:
    """Answer 200 while the process serves requests."""
    return JSONResponse({"status": "ok", "origin": call.node.origin})


def _ready(node: Node) -> None:
    with node.db.read() as conn:
        conn.execute(text("SELECT 1"))


async def readyz(call: Call) -> Response:
    """Answer 200 when the database answers too and the journal goes on, else 503."""
    await call.run(_ready, call.node)
    failure = call.node.sequencer.failure
    if failure is not None:
        # Anybody may ask, so only the kind is told; the words are in the log.
        return JSONResponse({"status": "not ready", "reason": failure.code, "error": "the journal cannot go on"}, 503)
    return JSONResponse({"status": "ready"})


ROUTES = [Route("GET", "/healthz", healthz, auth=False), Route("GET", "/readyz", readyz, auth=False)]
