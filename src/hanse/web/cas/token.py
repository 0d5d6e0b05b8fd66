"""Xet tokens, given out by the Hub API: `GET /api/{kind}/{repo}/xet-{read,write}-token/{rev}` (hub-api.md B.1)."""

from __future__ import annotations

from starlette.responses import Response

from hanse.flows.access import resolve_revision
from hanse.flows.sessions import grant
from hanse.web.cas.common import cas_url, json_response
from hanse.web.ratelimit import RateLimiter
from hanse.web.routing import Call, Route

_limiter = RateLimiter()


async def _token(call: Call, *, write: bool) -> Response:
    """Answer in headers and JSON alike: downloads read the former, uploads the latter (hub-api.md rule 7)."""
    _count(call)
    repo = await call.repo()
    rev = call.params.get("rev", "None")
    if not write and rev != "None":
        await call.run(resolve_revision, call.node, repo, rev)
    pull_request = call.request.query_params.get("create_pr", "") in ("1", "true", "True")
    text, expires = await call.run(grant, call.node, call.actor, repo, write=write, pull_request=pull_request)
    url = cas_url(call)
    headers = {
        "X-Xet-Cas-Url": url,
        "X-Xet-Access-Token": text,
        "X-Xet-Token-Expiration": str(expires),
        "Cache-Control": "no-store",
    }
    return json_response({"casUrl": url, "exp": expires, "accessToken": text}, headers=headers)


def _count(call: Call) -> None:
    """Count the request against the bound on tokens: a client that is answered 404 here asks again at once, for minutes."""
    if call.node.limits.rate_tokens:
        holder = call.caller if call.actor.anonymous else call.actor.account_id
        _limiter.count(f"{id(call.node.transfers)}/{holder}", call.node.limits.rate_tokens)


async def read_token(call: Call) -> Response:
    """Give a token to read a repository's files with."""
    return await _token(call, write=False)


async def write_token(call: Call) -> Response:
    """Give a token to upload to a repository with; `create_pr=1` for a pull request."""
    return await _token(call, write=True)


ROUTES = [
    Route("GET", "/api/{kind}/{repo}/xet-read-token/{rev*}", read_token),
    Route("GET", "/api/{kind}/{repo}/xet-read-token", read_token),
    Route("GET", "/api/{kind}/{repo}/xet-write-token/{rev*}", write_token),
    Route("GET", "/api/{kind}/{repo}/xet-write-token", write_token),
]
