"""How the node and its federations stand, for everybody (docs/status.md)."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from hanse.db.repos import Repo
from hanse.flows.status.gather import PAGE, node_status, repo_status
from hanse.flows.status.values import way_json
from hanse.web.hub.moved import with_repo
from hanse.web.hub.query import whole
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route

_HEADERS = {"Cache-Control": "no-cache"}
_MAX_NUMBER = 2**53


def preset(call: Call) -> str:
    """Return the preset in the query by which readers are taken to judge, empty for the federation's own policy."""
    return call.request.query_params.get("policy", "")[:40]


async def status(call: Call) -> Response:
    """Answer members, cosignatures, copies and derailment numbers (`policy`: a preset, `n`, `after`: which repositories)."""
    after, limit = whole(call, "after", 0, 0, _MAX_NUMBER), whole(call, "n", PAGE, 1, PAGE)
    found = await call.run(partial(node_status, call.node, preset=preset(call), after=after, limit=limit))
    return json_response(found.json(), headers=_HEADERS)


async def revision_status(call: Call, repo: Repo) -> Response:
    """Answer who holds a revision, and its derailment numbers, counted by chunks (`policy` as above)."""
    found = await call.run(partial(repo_status, call.node, repo, call.params["rev"], preset=preset(call)))
    told = found.json() | {"files": list(found.loss.files[:100]), "ways": [way_json(one) for one in found.ways]}
    return json_response(told, headers={"Cache-Control": "private, no-cache"})


ROUTES = [
    Route("GET", "/v1/status", status),
    Route("GET", "/api/{kind}/{repo}/status/{rev}", with_repo(revision_status)),
]
