"""What the CAS routes share: their prefix, the session behind a Xet token, hashes in addresses."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from hanse.errors import BadToken, BlobNotFound
from hanse.flows.sessions import Session, open_session
from hanse.model.digest import XetHash, parse_xet
from hanse.web.routing import Call, Handler, Route

PREFIX = "/cas/{epoch}"
_NAMESPACES = ("default", "default-merkledb")


def routes(method: str, pattern: str, handler: Handler, *versions: str) -> list[Route]:
    """Return one route per version (`v1`, `v2`, or empty for the unversioned form of hf-xet 1.2); all carry Xet tokens.

    hf-xet up to 1.1.9 asks in the singular: `/reconstruction/…`, `/xorb/…`, `/shard/…`, `/chunk/…`.
    """
    return [Route(method, f"{PREFIX}/{version}{pattern}".replace("//", "/"), handler, auth=False) for version in versions]


def cas_url(call: Call) -> str:
    """Return the CAS address that tokens name."""
    return f"{call.base}/cas/{call.node.epoch}"


async def session(call: Call, *, write: bool = False) -> Session:
    """Return the session of the request's Xet token; raises BadToken, also for another CAS epoch, and what has changed since."""
    named = call.params["epoch"]
    if named != call.node.epoch and named != await call.run(call.node.epochs.refresh):
        raise BadToken("this CAS address is out of date", hint="ask the Hub API for a new Xet token")
    scheme, _, text = call.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise BadToken("a Xet token is needed", hint="ask the Hub API for one")
    opened = await call.run(open_session, call.node, text.strip(), write=write)
    call.actor = opened.actor
    return opened


def xet_param(call: Call, name: str = "hash") -> XetHash:
    """Return the Xet hash in the address; raises BadDigest, or BlobNotFound under a prefix that Xet does not know."""
    if call.params.get("prefix", "default") not in _NAMESPACES:
        raise BlobNotFound("no such prefix", hint="use the prefix default")
    return parse_xet(call.params[name])


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return `value` as a JSON response."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json", headers=headers)
