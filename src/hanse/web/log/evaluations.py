"""Evaluations of a revision over HTTP (docs/evaluations.md)."""

from __future__ import annotations

from starlette.responses import Response

from hanse.db.repos import Repo
from hanse.flows.evaluations import listed
from hanse.web.hub.moved import with_repo
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route


async def evaluations(call: Call, repo: Repo) -> Response:
    """Answer what this node and others found when they evaluated a revision, and what others say of each record."""
    found = await call.run(listed.of_revision, call.node, repo, call.params["rev"])
    return json_response(await call.run(listed.to_json, found), headers={"Cache-Control": "private, no-cache"})


ROUTES = [Route("GET", "/api/{kind}/{repo}/evaluations/{rev}", with_repo(evaluations))]
