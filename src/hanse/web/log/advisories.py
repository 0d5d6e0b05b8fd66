"""Advisories that this node knows of: its own, and those of logs that it mirrors (docs/advisories.md)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from hanse.clock import rfc3339
from hanse.db.repos import Repo
from hanse.flows import access
from hanse.flows.advisories import book
from hanse.flows.advisories.kept import Issued
from hanse.flows.node import Node
from hanse.model.digest import parse_sha256
from hanse.web.hub.moved import with_repo
from hanse.web.hub.query import whole
from hanse.web.hub.shapes import json_response
from hanse.web.routing import Call, Route

PAGE = 100
_HEADERS = {"Cache-Control": "no-cache"}
_MAX_NUMBER = 2**31


def to_json(one: Issued) -> dict[str, Any]:
    """Return an advisory as it is listed."""
    found: dict[str, Any] = {"log": one.log, "id": one.id, "time": rfc3339(one.time), "index": one.index}
    found |= {"state": "withdrawn" if one.retracted else "in force", "payload": one.payload, "key": one.key}
    return found | {"record": None if one.advisory is None else dict(one.advisory.record)}


async def listed(call: Call) -> Response:
    """List advisories, the newest first (`log`, `id`: of one log, with one id; `n`, `after`: so many, after so many)."""
    params = call.request.query_params
    after, limit = whole(call, "after", 0, 0, _MAX_NUMBER), whole(call, "n", PAGE, 1, PAGE)
    rows = await call.run(book.known, call.node)
    log, name = params.get("log", ""), params.get("id", "")
    some = [one for one in rows if log in ("", one.log) and name in ("", one.id)]
    some.sort(key=lambda one: (-one.time, one.log, one.id))
    shown = [to_json(one) for one in some[after : after + limit]]
    return json_response({"advisories": shown, "total": len(some)}, headers=_HEADERS)


async def bundle(call: Call) -> Response:
    """Answer the signed bundle of an advisory, by the SHA-256 of its payload."""
    payload = call.params["payload"]
    data = await call.run(book.bundle_of, call.node, parse_sha256(payload))
    return Response(data, media_type="application/json", headers={"Cache-Control": "public, max-age=86400, immutable"})


def _about(node: Node, repo: Repo, rev: str) -> list[Issued]:
    return book.of_revision(node, repo, access.resolve_revision(node, repo, rev))


async def about(call: Call, repo: Repo) -> Response:
    """List the advisories in force about a revision: by its name, its tree, or a file in it."""
    found = await call.run(_about, call.node, repo, call.params["rev"])
    return json_response([to_json(one) for one in found], headers={"Cache-Control": "private, no-cache"})


ROUTES = [
    Route("GET", "/v1/advisories", listed),
    Route("GET", "/v1/advisories/{payload}", bundle),
    Route("GET", "/api/{kind}/{repo}/advisories/{rev}", with_repo(about)),
]
