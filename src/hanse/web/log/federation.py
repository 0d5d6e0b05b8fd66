"""The federations that this node is a member of or follows, as static files: what readers walk along is verified by them."""

from __future__ import annotations

from starlette.responses import Response

from hanse.errors import NotFoundError
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.node import Node
from hanse.model.repo import parse_origin
from hanse.web.blob_response import IMMUTABLE
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route


def _files(node: Node) -> FederationFiles:
    if node.federations is None:
        raise NotFoundError("this node is in no federation")
    return node.federations


async def listed(call: Call) -> Response:
    """Answer which federations there are, with their versions and the fingerprints of their first roots."""
    files = call.node.federations
    found = await call.run(files.listed) if files is not None else {"federations": []}
    return json_response(found, headers={"Cache-Control": "no-cache"})


async def file(call: Call) -> Response:
    """Answer a version of root or targets, or a file by its SHA-256."""
    kind, name = call.params["what"], parse_origin(call.params["name"])
    data = await call.run(_files(call.node).read, name, kind, call.params["file"])
    # A version may be published again with more signatures under it; only what is named by its digest never changes.
    cache = IMMUTABLE if kind == "files" else "no-cache"
    media = "application/octet-stream" if kind == "files" else "application/json"
    return Response(data, media_type=media, headers={"Cache-Control": cache})


ROUTES = [
    Route("GET", "/federation", listed),
    Route("GET", "/federation/{name}/{what}/{file}", file),
]
