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
    """Answer 200 when the database answers too."""
    await call.run(_ready, call.node)
    return JSONResponse({"status": "ready"})


ROUTES = [Route("GET", "/healthz", healthz, auth=False), Route("GET", "/readyz", readyz, auth=False)]
