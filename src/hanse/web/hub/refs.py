"""Branches, tags, commits and squashing over HTTP (hub-api.md A.3)."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import JSONResponse, Response

from hanse.clock import hub_time
from hanse.db.repos import Repo
from hanse.db.revisions import RefRow, Revision
from hanse.errors import BadRepoId
from hanse.flows import commits, refs
from hanse.flows.history import list_commits
from hanse.model.digest import is_git_oid
from hanse.web.hub.bodies import Name, Text, parse, query_flag, query_number
from hanse.web.hub.moved import with_repo
from hanse.web.routing import Call, Route

_PAGE = 100
_MAX_PAGE = 1000


class _Branch(msgspec.Struct, rename="camel"):
    starting_point: Name | None = None


class _Tag(msgspec.Struct):
    tag: Name
    message: Text | None = None


class _Squash(msgspec.Struct):
    message: Text | None = None


def _ref(row: RefRow, prefix: str) -> dict[str, str]:
    return {"name": row.ref.removeprefix(prefix), "ref": row.ref, "targetCommit": row.rev}


def _new_name(text: str) -> str:
    """Return a name for a new ref; raises BadRepoId for one that could be taken for something else."""
    if is_git_oid(text.lower()) or text.startswith("refs/"):
        raise BadRepoId(f"{text[:120]!r} cannot be a branch or tag: it reads like a commit id or a full ref")
    return text


async def get_refs(call: Call, repo: Repo) -> Response:
    """List branches and tags; with `include_prs=1` pull requests too."""
    found = await call.run(refs.list_refs, call.node, repo)
    shown: dict[str, Any] = {
        "branches": [_ref(row, "refs/heads/") for row in found.branches],
        "converts": [_ref(row, "refs/convert/") for row in found.converts],
        "tags": [_ref(row, "refs/tags/") for row in found.tags],
    }
    if query_flag(call.request.query_params, "include_prs"):
        shown["pullRequests"] = [_ref(row, "refs/") for row in found.pulls]
    return JSONResponse(shown)


def _commit(revision: Revision, *, formatted: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": revision.rev,
        "title": revision.title,
        "message": revision.message,
        "authors": [{"user": revision.author, "avatar": ""}],
        "date": hub_time(revision.created_at),
    }
    if formatted:
        shown["formatted"] = {"title": escape(revision.title), "message": escape(revision.message)}
    return shown


async def get_commits(call: Call, repo: Repo) -> Response:
    """List the commits of a revision, newest first; the Link header leads to older ones."""
    query = call.request.query_params
    formatted = "formatted" in (*query.getlist("expand"), *query.getlist("expand[]"))
    limit = max(1, query_number(query, "limit", _PAGE, _MAX_PAGE))
    found, after = await call.run(list_commits, call.node, repo, call.params["rev"], limit)
    headers: dict[str, str] = {}
    if after is not None:
        url = f"{call.base}/api/{call.kind.plural}/{repo.repo.path}/commits/{after}"
        kept = urlencode(query.multi_items())
        headers["Link"] = f'<{url}{f"?{kept}" if kept else ""}>; rel="next"'
    return JSONResponse([_commit(revision, formatted=formatted) for revision in found], headers=headers)


async def create_branch(call: Call) -> Response:
    """Create a branch at `startingPoint`, by default the head of `main`."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Branch)
    name = _new_name(call.params["name"])
    await call.run(refs.create_branch, call.node, call.actor, repo, name, body.starting_point)
    return JSONResponse({"success": True}, status_code=201)


async def delete_branch(call: Call) -> Response:
    """Delete a branch other than `main`."""
    repo = await call.repo()
    call.require_account()
    await call.run(refs.delete_branch, call.node, call.actor, repo, call.params["name"])
    return JSONResponse({"success": True})


async def create_tag(call: Call) -> Response:
    """Create a tag at the revision in the address."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Tag)
    name, message = _new_name(body.tag), body.message or ""
    await call.run(refs.create_tag, call.node, call.actor, repo, name, call.params["name"], message=message)
    return JSONResponse({"success": True}, status_code=201)


async def delete_tag(call: Call) -> Response:
    """Delete a tag."""
    repo = await call.repo()
    call.require_account()
    await call.run(refs.delete_tag, call.node, call.actor, repo, call.params["name"])
    return JSONResponse({"success": True})


async def super_squash(call: Call) -> Response:
    """Replace a branch's history by one commit."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Squash)
    published = await call.run(refs.super_squash, call.node, call.actor, repo, call.params["name"], body.message or "")
    await call.run(commits.describe, call.node, repo)
    return JSONResponse({"success": True, "commitOid": published.rev})


_BASE = "/api/{kind}/{repo}"
ROUTES = [
    Route("GET", _BASE + "/refs", with_repo(get_refs)),
    Route("GET", _BASE + "/commits/{rev}", with_repo(get_commits)),
    Route("POST", _BASE + "/branch/{name}", create_branch),
    Route("DELETE", _BASE + "/branch/{name}", delete_branch),
    Route("POST", _BASE + "/tag/{name}", create_tag),
    Route("DELETE", _BASE + "/tag/{name}", delete_tag),
    Route("POST", _BASE + "/super-squash/{name}", super_squash),
]
