"""Xorb uploads: in one POST, or by a grant, a signed PUT and a commit (hub-api.md B.2)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from hanse.content.xorb import MAX_FOOTER_BYTES, MAX_XORB_BYTES
from hanse.db import xorbs
from hanse.db.xorbs import XorbRow
from hanse.errors import BadFormat, BlobNotFound, NotAllowed
from hanse.flows.dedup import advertise
from hanse.flows.ingest import XorbIngest
from hanse.flows.node import Node
from hanse.flows.scope import usable_scope
from hanse.flows.sessions import Session, resume
from hanse.flows.tokens import SCOPES, XetToken, check_signed, sign
from hanse.model.digest import XetHash
from hanse.web.cas.common import PREFIX, cas_url, json_response, routes, session, xet_param
from hanse.web.routing import Call, Route
from hanse.web.upload import content_length, take_body

_MAX_BODY = MAX_XORB_BYTES + MAX_FOOTER_BYTES
_GRANT = "xorb-put"


async def _take(call: Call, opened: Session, xorb: XetHash) -> None:
    """Take in the body as `xorb` for the session's repository."""
    with await call.run(XorbIngest, call.node, xorb, content_length(call.request) or 0) as ingest:
        await take_body(call.request, _MAX_BODY, ingest.feed)
        await call.run(ingest.finish, opened.repo)


def _usable(node: Node, opened: Session, xorb: XetHash) -> XorbRow | None:
    with node.db.read() as conn:
        return xorbs.find_xorbs(conn, usable_scope(opened.actor, opened.repo), [xorb]).get(xorb)


async def post_xorb(call: Call) -> Response:
    """Take in a xorb; answer whether it is new as far as the caller may know: others may have sent it before."""
    opened = await session(call, write=True)
    xorb = xet_param(call)
    known = await call.run(_usable, call.node, opened, xorb)
    await _take(call, opened, xorb)
    return json_response({"was_inserted": known is None})


async def head_xorb(call: Call) -> Response:
    """Answer the stored size of a xorb that the caller may refer to."""
    opened = await session(call)
    row = await call.run(_usable, call.node, opened, xet_param(call))
    if row is None:
        raise BlobNotFound("this xorb is not here")
    return Response(headers={"Content-Length": str(row.stored_size)})


async def grant(call: Call) -> Response:
    """Answer 200 if the caller may refer to the xorb already, so nothing need be sent; else 201 and where to PUT it."""
    opened = await session(call, write=True)
    xorb = xet_param(call)
    length = (await call.json()).get("length")
    if not isinstance(length, int) or not 0 < length <= _MAX_BODY:
        raise BadFormat(f"a grant is asked for 1 to {_MAX_BODY} bytes, got {str(length)[:40]}")
    row = await call.run(_usable, call.node, opened, xorb)
    if row is not None:
        await call.run(advertise, call.node, [row])
        return json_response({})
    name = _name(opened, xorb, length)
    url = f"{cas_url(call)}/put/{name}?{sign(call.node, _GRANT, name, [], expires=opened.expires)}"
    answer: dict[str, Any] = {"id": xorb[:32], "method": "PUT", "url": url, "headers": {}}
    return json_response(answer, status=201)


def _name(opened: Session, xorb: XetHash, length: int) -> str:
    """Return what a grant is for: who sends how many bytes of which xorb into which repository."""
    actor = opened.actor
    return f"{opened.repo.id}/{actor.account_id}/{SCOPES.index(opened.scope)}{int(actor.admin)}/{length}/{xorb}"


async def put_xorb(call: Call) -> Response:
    """Take in the bytes of a grant; the signed address speaks for the one who asked for it, with the rights he has now."""
    params = call.params
    name = "/".join(params[key] for key in ("repo_id", "account", "rights", "length", "hash"))
    signed = check_signed(call.node, _GRANT, name, call.request.query_params)
    if params["epoch"] != call.node.epoch or call.request.headers.get("content-length") != params["length"]:
        raise NotAllowed(f"this address is for {params['length']} bytes", hint="ask for another grant")
    scope, admin = SCOPES[int(params["rights"][0])], params["rights"][1] == "1"
    token = XetToken(int(params["repo_id"]), int(params["account"]), scope, admin, signed.expires, params["epoch"])
    opened = await call.run(resume, call.node, token)
    await _take(call, opened, xet_param(call))
    return Response(status_code=200)


async def commit(call: Call) -> Response:
    """Answer 200 once the xorb of a grant has come in; it is checked and durable by then."""
    opened = await session(call, write=True)
    row = await call.run(_usable, call.node, opened, xet_param(call))
    if row is None:
        raise BlobNotFound("the bytes of this grant have not come in")
    return json_response({"was_inserted": True})


ROUTES = [
    *routes("POST", "/xorbs/{prefix}/{hash}", post_xorb, "v1", ""),
    *routes("POST", "/xorb/{prefix}/{hash}", post_xorb, ""),
    *routes("HEAD", "/xorbs/{prefix}/{hash}", head_xorb, "v1", ""),
    *routes("POST", "/xorb-grants/{prefix}/{hash}", grant, "v1"),
    *routes("POST", "/xorb-commits/{prefix}/{hash}/grant/{id}", commit, "v1"),
    Route("PUT", f"{PREFIX}/put/{{repo_id}}/{{account}}/{{rights}}/{{length}}/{{hash}}", put_xorb, auth=False),
]
