"""Creating, deleting, moving, duplicating repositories and their settings over HTTP (hub-api.md A.2)."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
from starlette.responses import JSONResponse, Response

from hanse.db.repos import Repo
from hanse.errors import BadFormat, Conflict, NotAllowed, RepoNotFound
from hanse.flows import access, commits, repos
from hanse.model.repo import RepoId, RepoType, Visibility, parse_repo_id
from hanse.web.errors import error_response
from hanse.web.hub.bodies import Name, parse, repo_type, repo_url
from hanse.web.routing import Call, Route


class _Named(msgspec.Struct):
    name: Name
    organization: Name | None = None
    type: Name | None = None


class _Create(_Named):
    private: bool | None = None
    visibility: Name | None = None


class _Move(msgspec.Struct, rename="camel"):
    from_repo: Name
    to_repo: Name
    type: Name | None = None


class _Settings(msgspec.Struct):
    gated: bool | Name | None = None
    copies: bool | None = None
    private: bool | None = None
    visibility: Name | None = None


class _Duplicate(msgspec.Struct):
    repository: Name | None = None
    private: bool | None = None
    visibility: Name | None = None


def _visibility(visibility: str | None, private: bool | None) -> Visibility | None:
    """Return the visibility that a body asks for, None if it says nothing; raises BadFormat."""
    if visibility is None:
        return None if private is None else Visibility.PRIVATE if private else Visibility.PUBLIC
    try:
        return Visibility(visibility)
    except ValueError as error:
        known = ", ".join(kind.value for kind in Visibility)
        raise BadFormat(f"unknown visibility {visibility[:40]!r}; known are {known}") from error


def _named(call: Call, kind: RepoType, name: str, organization: str | None = None) -> RepoId:
    """Return the id for a name with or without its namespace, which then is `organization` or the caller's own."""
    actor = call.require_account()
    path = name if "/" in name else f"{organization or actor.name}/{name}"
    return parse_repo_id(call.origin, kind, path)


async def _there(call: Call, wanted: RepoId, conflict: Conflict) -> Response:
    """Answer 409 with the address of the repository that is there, which clients read (A.1)."""
    try:
        repo = await call.run(access.resolve, call.node, call.actor, wanted)
    except RepoNotFound:
        # Nothing that the caller could go on with: not the 409 that `exist_ok` swallows.
        raise NotAllowed(conflict.message, hint=conflict.hint) from conflict
    answer = error_response(conflict, anonymous=False)
    body = {"error": f"You already created this {wanted.type.value} repo", "code": conflict.code, **_shown(call, repo)}
    headers = {name: value for name, value in answer.headers.items() if name.startswith("x-")}
    return JSONResponse(body, status_code=answer.status_code, headers=headers)


def _shown(call: Call, repo: Repo) -> dict[str, Any]:
    return {"url": repo_url(call, repo), "name": repo.repo.path, "id": repo.repo.path}


async def create(call: Call) -> Response:
    """Create a model or dataset repository."""
    call.require_account()
    body = await parse(call, _Create)
    wanted = _named(call, repo_type(body.type), body.name, body.organization)
    visibility = _visibility(body.visibility, body.private)
    try:
        repo = await call.run(repos.create_repo, call.node, call.actor, wanted, visibility)
    except Conflict as conflict:
        return await _there(call, wanted, conflict)
    await call.run(commits.describe, call.node, repo)
    return JSONResponse(_shown(call, repo))


async def delete(call: Call) -> Response:
    """Delete a repository, named as it is called now."""
    call.require_account()
    body = await parse(call, _Named)
    wanted = _named(call, repo_type(body.type), body.name, body.organization)
    repo = await call.run(access.resolve, call.node, call.actor, wanted)
    if repo.repo.folded != wanted.folded:
        # A former name must not delete what has another name now.
        raise access.missing(wanted)
    await call.run(repos.delete_repo, call.node, call.actor, repo)
    return JSONResponse({"success": True})


async def move(call: Call) -> Response:
    """Rename a repository or give it to another namespace."""
    call.require_account()
    body = await parse(call, _Move)
    kind = repo_type(body.type)
    source, target = _named(call, kind, body.from_repo), _named(call, kind, body.to_repo)
    repo = await call.run(access.resolve, call.node, call.actor, source)
    moved = await call.run(repos.move_repo, call.node, call.actor, repo, target)
    return JSONResponse({"success": True, **_shown(call, moved)})


def _gate(gated: bool | str) -> str:
    if gated is True:
        raise BadFormat('gated is "auto", "manual" or false')
    return gated or ""


async def settings(call: Call) -> Response:
    """Change visibility, access requests, and whether members may hold copies of what is gated."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Settings)
    access.require_admin(call.actor, repo)
    visibility = _visibility(body.visibility, body.private)
    gate = None if body.gated is None else _gate(body.gated)
    if gate is not None:
        repo = await call.run(repos.set_gated, call.node, call.actor, repo, gate)
    if visibility is not None:
        repo = await call.run(repos.set_visibility, call.node, call.actor, repo, visibility)
    if body.copies is not None:
        await call.run(partial(repos.set_copies, call.node, call.actor, repo, allowed=body.copies))
    return await _settings(call, repo)


async def read_settings(call: Call) -> Response:
    """Answer visibility, access requests, and whether members may hold copies of what is gated."""
    repo = await call.repo()
    call.require_account()
    access.require_admin(call.actor, repo)
    return await _settings(call, repo)


async def _settings(call: Call, repo: Repo) -> Response:
    copied = await call.run(repos.copies_allowed, call.node, repo)
    shown = {"private": not repo.public, "visibility": repo.visibility.value, "gated": repo.gated or False, "copies": copied}
    return JSONResponse(shown)


async def duplicate(call: Call) -> Response:
    """Copy a repository's present files into a new one."""
    source = await call.repo()
    call.require_account()
    body = await parse(call, _Duplicate)
    wanted = _named(call, source.repo.type, body.repository or source.repo.name)
    visibility = _visibility(body.visibility, body.private)
    if visibility is None and not source.public:
        visibility = source.visibility  # a copy is not more open than what it is made from, unless asked for
    try:
        repo = await call.run(repos.duplicate_repo, call.node, call.actor, source, wanted, visibility)
    except Conflict as conflict:
        return await _there(call, wanted, conflict)
    await call.run(commits.describe, call.node, repo)
    return JSONResponse({**_shown(call, repo), "filesCopyPending": False})


ROUTES = [
    Route("POST", "/api/repos/create", create),
    Route("DELETE", "/api/repos/delete", delete),
    Route("POST", "/api/repos/move", move),
    Route("GET", "/api/{kind}/{repo}/settings", read_settings),
    Route("PUT", "/api/{kind}/{repo}/settings", settings),
    Route("POST", "/api/{kind}/{repo}/duplicate", duplicate),
]
