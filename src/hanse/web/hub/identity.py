"""Who the caller is and what he may do: whoami-v2, auth-check, overviews of users and organisations (hub-api.md A.2)."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from hanse.clock import hub_time
from hanse.db.accounts import Account, Membership
from hanse.db.repos import Repo
from hanse.errors import BadToken, NotFoundError
from hanse.flows import access
from hanse.flows.accounts import Profile, whoami
from hanse.flows.people import Overview, members, overview
from hanse.web.hub.moved import with_repo
from hanse.web.routing import Call, Route


def _token_text(call: Call) -> str:
    return call.request.headers.get("authorization", "").partition(" ")[2].strip()


def _org(membership: Membership) -> dict[str, Any]:
    org = membership.org
    return {
        "type": "org",
        "id": f"{org.id:024x}",
        "name": org.name,
        "fullname": org.fullname or org.name,
        "email": None,
        "canPay": False,
        "periodEnd": None,
        "avatarUrl": "",
        "roleInOrg": membership.role,
        "isEnterprise": False,
    }


def _hub_role(role: str) -> str:
    """Return the role of a token as clients of the Hub know it: one that asks for evaluations only reads otherwise."""
    return "write" if role == "write" else "read"


def _profile(profile: Profile) -> dict[str, Any]:
    account, token = profile.identity.account, profile.identity.token
    return {
        "type": "user" if account.kind == "user" else "org",
        "id": f"{account.id:024x}",
        "name": account.name,
        "fullname": account.fullname or account.name,
        "email": account.email,
        "emailVerified": account.email is not None,
        "isPro": False,
        "canPay": False,
        "periodEnd": None,
        "avatarUrl": "",
        "orgs": [_org(membership) for membership in profile.organisations],
        "auth": {
            "type": "access_token",
            "accessToken": {
                "displayName": token.label,
                "role": _hub_role(token.role),
                "createdAt": hub_time(token.created_at),
            },
        },
    }


async def get_whoami(call: Call) -> Response:
    """Answer who the token speaks for."""
    call.require_account()
    profile = await call.run(whoami, call.node.db, call.node.clock, _token_text(call))
    if profile is None:
        raise BadToken("the token was revoked meanwhile", hint="log in again")
    return JSONResponse(_profile(profile))


async def auth_check(call: Call, repo: Repo) -> Response:
    """Answer 200 if the caller may read the repository's files, else the refusal he would meet (gated, missing, disabled)."""
    await call.run(access.require_read_bytes, call.node, call.actor, repo)
    return JSONResponse({})


async def auth_check_write(call: Call, repo: Repo) -> Response:
    """Answer 200 if the caller may change the repository with the token used."""
    call.require_account()
    access.require_write(call.actor, repo)
    return JSONResponse({})


def _overview(found: Overview) -> dict[str, Any]:
    account = found.account
    shown = {
        "_id": f"{account.id:024x}",
        "avatarUrl": "",
        "fullname": account.fullname or account.name,
        "numModels": found.models,
        "numDatasets": found.datasets,
        "numSpaces": 0,
        "numDiscussions": 0,
        "numFollowers": 0,
        "numLikes": 0,
        "isPro": False,
        "type": account.kind,
        "createdAt": hub_time(account.created_at),
    }
    if account.kind == "org":
        return shown | {"name": account.name, "numUsers": found.users}
    return shown | {"user": account.name, "orgs": [_org_name(org) for org in found.orgs]}


def _org_name(org: Account) -> dict[str, Any]:
    return {"name": org.name, "fullname": org.fullname or org.name, "avatarUrl": ""}


async def user_overview(call: Call) -> Response:
    """Answer what everybody may know about a user."""
    return JSONResponse(_overview(await call.run(overview, call.node, call.actor, call.params["name"], "user")))


async def org_overview(call: Call) -> Response:
    """Answer what everybody may know about an organisation."""
    return JSONResponse(_overview(await call.run(overview, call.node, call.actor, call.params["name"], "org")))


async def org_members(call: Call) -> Response:
    """List the members of an organisation, to its members only."""
    found = await call.run(members, call.node, call.actor, call.params["name"])
    users = [{"user": one.name, "fullname": one.fullname or one.name, "avatarUrl": "", "isPro": False} for one in found]
    return JSONResponse(users)


async def no_harnesses(_call: Call) -> Response:
    """Answer 404: this node has no list of programs that drive the client."""
    raise NotFoundError("this node keeps no such list")


ROUTES = [
    Route("GET", "/api/whoami-v2", get_whoami),
    Route("GET", "/api/{kind}/{repo}/auth-check", with_repo(auth_check)),
    Route("GET", "/api/{kind}/{repo}/auth-check/write", with_repo(auth_check_write)),
    Route("GET", "/api/users/{name}/overview", user_overview),
    Route("GET", "/api/organizations/{name}/overview", org_overview),
    Route("GET", "/api/organizations/{name}/members", org_members),
    Route("GET", "/api/agent-harnesses", no_harnesses),
]
