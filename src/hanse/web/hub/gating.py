"""Access requests of gated repositories over HTTP (hub-api.md A.7)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import JSONResponse, Response

from hanse.clock import hub_time
from hanse.db.gating import AccessRequest
from hanse.db.repos import Repo
from hanse.errors import BadFormat
from hanse.flows import gating
from hanse.web.hub.bodies import MAX_PAGE, Name, Text, next_page, parse, query_number
from hanse.web.hub.moved import with_repo
from hanse.web.routing import Call, Route

_PAGE = 100


class _Handle(msgspec.Struct, rename="camel"):
    status: Name
    user: Name | None = None
    request_id: Name | None = None
    user_id: Name | None = None
    rejection_reason: Text | None = None


class _Grant(msgspec.Struct):
    user: Name


def _request(found: AccessRequest) -> dict[str, Any]:
    return {
        "user": {
            "_id": f"{found.account_id:024x}",
            "user": found.name,
            "fullname": found.fullname or found.name,
            "email": found.email,
            "isPro": False,
        },
        "requestId": found.id,
        "status": found.status,
        "timestamp": hub_time(found.created_at),
        "fields": dict(found.fields),
    }


async def list_requests(call: Call, repo: Repo) -> Response:
    """List the access requests in one status."""
    skip = query_number(call.request.query_params, "skip", 0, MAX_PAGE)
    status = call.params["status"]
    found = await call.run(gating.list_requests, call.node, call.actor, repo, status, limit=_PAGE + 1, skip=skip)
    headers = next_page(call, skip=skip + _PAGE) if len(found) > _PAGE else {}
    return JSONResponse([_request(one) for one in found[:_PAGE]], headers=headers)


async def handle(call: Call) -> Response:
    """Accept, reject or put back one request."""
    repo = await call.repo()
    body = await parse(call, _Handle)
    if (body.user is None) == (body.request_id is None):
        raise BadFormat("say which request: by user or by requestId")
    reason = body.rejection_reason or ""
    named = {"user": body.user or "", "request_id": body.request_id or "", "status": body.status, "reason": reason}
    await call.run(gating.handle, call.node, call.actor, repo, **named)
    return JSONResponse({"success": True})


async def grant(call: Call) -> Response:
    """Let a user in who did not ask."""
    repo = await call.repo()
    body = await parse(call, _Grant)
    granted = await call.run(gating.grant, call.node, call.actor, repo, body.user)
    return JSONResponse(_request(granted) | {"success": True})


async def ask(call: Call) -> Response:
    """Ask for access; the body may hold the answers of the owner's form."""
    repo = await call.repo()
    call.require_account()
    kind = call.request.headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        raw = await call.body(gating.MAX_FIELDS_BYTES * 4)
        try:
            fields: dict[str, Any] = dict(parse_qsl(raw.decode("utf-8"), max_num_fields=50))
        except ValueError as error:
            raise BadFormat("the form cannot be read", hint="send at most 50 fields in UTF-8") from error
    else:
        fields = await call.json()
    status = await call.run(gating.ask, call.node, call.actor, repo, fields)
    return JSONResponse({"success": True, "status": status})


ROUTES = [
    Route("GET", "/api/{kind}/{repo}/user-access-request/{status}", with_repo(list_requests)),
    Route("POST", "/api/{kind}/{repo}/user-access-request/handle", handle),
    Route("POST", "/api/{kind}/{repo}/user-access-request/grant", grant),
    Route("POST", "/api/{kind}/{repo}/ask-access", ask),
    Route("POST", "/{kind}/{repo}/ask-access", ask),
    Route("POST", "/{repo}/ask-access", ask),
]
