"""The application of a node that is a witness and nothing else: its cosignatures, copies of logs, and whether it is alive.

It answers the same paths as a whole node does and loads nothing of the hub.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio.to_thread
from sqlalchemy import text
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from hanse.errors import HanseError, NotFoundError, TooLarge
from hanse.flows.keeper import Keeper
from hanse.web.errors import error_response
from hanse.web.log import cosigning

_MAX_PATH = 400
_log = logging.getLogger(__name__)


class WitnessApp:
    """The ASGI application of a witness."""

    def __init__(self, node: Keeper) -> None:
        self._node = node

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        response = await self._respond(Request(scope, receive))
        _log.info("%s %s %d", scope["method"], scope["path"][:_MAX_PATH], response.status_code)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except HanseError as error:
            return error_response(error, anonymous=False)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:  # noqa: BLE001 logged, and answered as 500
            _log.exception("unexpected")
            return JSONResponse({"error": "internal error: the log of this node has the details"}, status_code=500)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["path"][:_MAX_PATH]
        if request.method == "POST" and path in _POST:
            body = await _body(request)
            return await anyio.to_thread.run_sync(_POST[path], self._node, body)
        parts = path.strip("/").split("/", 3)
        if request.method in {"GET", "HEAD"}:
            return await anyio.to_thread.run_sync(_get, self._node, parts)
        raise NotFoundError("no such address on this witness")


_POST: dict[str, Callable[[Keeper, bytes], Response]] = {
    "/witness/add-checkpoint": cosigning.add_to_witness,
    "/mirror/add-checkpoint": cosigning.add_to_mirror,
}


def _get(node: Keeper, parts: list[str]) -> Response:
    match parts:
        case ["healthz"]:
            return JSONResponse({"status": "ok", "origin": node.origin})
        case ["readyz"]:
            with node.db.read() as conn:
                conn.execute(text("SELECT 1"))
            return JSONResponse({"status": "ready"})
        case ["witness", log, "checkpoint"]:
            return cosigning.witnessed_checkpoint(node, log)
        case ["mirror", log, "checkpoint"]:
            return cosigning.mirrored_checkpoint(node, log)
        case ["mirror", log, "tile", path]:
            return cosigning.mirrored_tile(node, log, path)
    raise NotFoundError("no such address on this witness")


async def _body(request: Request) -> bytes:
    """Return the whole request body; raises TooLarge beyond what a request may have."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > cosigning.MAX_REQUEST_BYTES:
            raise TooLarge(f"an add-checkpoint request has at most {cosigning.MAX_REQUEST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)
