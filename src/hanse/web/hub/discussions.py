"""Discussions and pull requests over HTTP (hub-api.md A.6)."""

from __future__ import annotations

from typing import Any

import msgspec
from markdown_it import MarkdownIt
from starlette.responses import JSONResponse, Response

from hanse.clock import hub_time
from hanse.db.discussions import Discussion, Event
from hanse.db.repos import Repo
from hanse.errors import NotFoundError
from hanse.flows import commits, discussions, pulls
from hanse.web.hub.bodies import MAX_PAGE, Name, Text, parse, query_flag, query_number
from hanse.web.hub.moved import with_repo
from hanse.web.routing import Call, Route

_PAGE = 50
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).disable("image")
"""Comments are written by anybody: no HTML passes, script links are refused by the library, no image tells who is reading."""


class _New(msgspec.Struct, rename="camel"):
    title: Text
    description: Text = ""
    pull_request: bool = False


class _Comment(msgspec.Struct):
    comment: Text


class _Edit(msgspec.Struct):
    content: Text


class _Title(msgspec.Struct):
    title: Text


class _Status(msgspec.Struct):
    status: Name
    comment: Text = ""


class _Merge(msgspec.Struct):
    comment: Text = ""


def _author(name: str) -> dict[str, Any]:
    return {"name": name, "fullname": name, "type": "user", "avatarUrl": "", "isPro": False}


def _discussion(repo: Repo, found: Discussion) -> dict[str, Any]:
    return {
        "num": found.num,
        "title": found.title,
        "author": _author(found.author),
        "createdAt": hub_time(found.created_at),
        "status": found.status,
        "isPullRequest": found.pull_request,
        "repo": {"name": repo.repo.path, "type": repo.repo.type.value},
        "repoOwner": {"name": repo.repo.namespace, "type": "user"},
    }


def _version(data: dict[str, Any]) -> dict[str, Any]:
    raw = str(data["raw"])
    return {"raw": raw, "html": _MARKDOWN.render(raw), "updatedAt": hub_time(data["updated"]), "author": _author(data["by"])}


def _event(event: Event) -> dict[str, Any]:
    data = dict(event.data)
    if event.type == "comment":
        data = {
            "edited": data["edited"],
            "hidden": data["hidden"],
            "latest": _version(data),
            "history": [_version(one) for one in reversed(data["history"])],
            "numEdits": len(data["history"]),
        }
    return {
        "id": event.id,
        "type": event.type,
        "createdAt": hub_time(event.created_at),
        "author": _author(event.author),
        "data": data,
    }


def _number(call: Call) -> int:
    text = call.params["num"]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFoundError(f"there is no discussion {text[:40]!r}")
    return int(text)


async def list_discussions(call: Call, repo: Repo) -> Response:
    """List discussions and pull requests, filtered by type, status and author."""
    query = call.request.query_params
    page = query_number(query, "p", 0, MAX_PAGE)
    wanted = {"kind": query.get("type", ""), "status": query.get("status", ""), "author": query.get("author", "")[:200]}
    found, count = await call.run(discussions.list_discussions, call.node, repo, limit=_PAGE, skip=page * _PAGE, **wanted)
    shown = [_discussion(repo, one) for one in found]
    return JSONResponse({"discussions": shown, "count": count, "start": page * _PAGE, "numClosedDiscussions": 0})


async def create(call: Call) -> Response:
    """Open a discussion, or a draft of a pull request."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _New)
    if body.pull_request:
        num = await call.run(pulls.open_pull, call.node, call.actor, repo, body.title, body.description, status="draft")
    else:
        num = await call.run(discussions.open_discussion, call.node, call.actor, repo, body.title, body.description)
    url = f"{call.base}/{repo.repo.type.prefix}{repo.repo.path}/discussions/{num}"
    return JSONResponse({"num": num, "pullRequest": body.pull_request, "url": url, "title": body.title})


async def details(call: Call, repo: Repo) -> Response:
    """Show one discussion with all its events; for a pull request also conflicts, and changes with `diff=1`."""
    found = await call.run(discussions.thread, call.node, repo, _number(call))
    shown = _discussion(repo, found.discussion)
    events = await call.run(lambda: [_event(one) for one in found.events])
    shown |= {"events": events, "filesWithConflicts": [], "diff": ""}
    if found.discussion.pull_request:
        state = await call.run(pulls.state, call.node, repo, found.discussion)
        shown["filesWithConflicts"] = list(state.conflicts)
        shown["changes"] = {"base": found.discussion.target, "mergeCommitId": found.discussion.merged}
        if query_flag(call.request.query_params, "diff"):
            shown["diff"] = state.diff
    return JSONResponse(shown)


async def comment(call: Call) -> Response:
    """Add a comment."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Comment)
    event = await call.run(discussions.comment, call.node, call.actor, repo, _number(call), body.comment)
    return JSONResponse({"newMessage": _event(event)})


async def retitle(call: Call) -> Response:
    """Change the title."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Title)
    event = await call.run(discussions.retitle, call.node, call.actor, repo, _number(call), body.title)
    return JSONResponse({"newTitle": _event(event)})


async def set_status(call: Call) -> Response:
    """Open or close."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Status)
    event = await call.run(discussions.set_status, call.node, call.actor, repo, _number(call), body.status, text=body.comment)
    return JSONResponse({"newStatus": _event(event)})


async def merge(call: Call) -> Response:
    """Merge a pull request."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Merge)
    published = await call.run(pulls.merge_pull, call.node, call.actor, repo, _number(call), body.comment)
    await call.run(commits.describe, call.node, repo)
    return JSONResponse({"success": True, "mergeCommitId": published.rev})


async def edit_comment(call: Call) -> Response:
    """Replace the text of a comment."""
    repo = await call.repo()
    call.require_account()
    body = await parse(call, _Edit)
    event_id = call.params["event"]
    event = await call.run(discussions.edit_comment, call.node, call.actor, repo, _number(call), event_id, text=body.content)
    return JSONResponse({"updatedComment": _event(event)})


async def hide_comment(call: Call) -> Response:
    """Take the text of a comment away."""
    repo = await call.repo()
    call.require_account()
    event = await call.run(discussions.hide_comment, call.node, call.actor, repo, _number(call), call.params["event"])
    return JSONResponse({"updatedComment": _event(event)})


_BASE = "/api/{kind}/{repo}/discussions"
ROUTES = [
    Route("GET", _BASE, with_repo(list_discussions)),
    Route("POST", _BASE, create),
    Route("GET", _BASE + "/{num}", with_repo(details)),
    Route("POST", _BASE + "/{num}/comment", comment),
    Route("POST", _BASE + "/{num}/title", retitle),
    Route("POST", _BASE + "/{num}/status", set_status),
    Route("POST", _BASE + "/{num}/merge", merge),
    Route("POST", _BASE + "/{num}/comment/{event}/edit", edit_comment),
    Route("POST", _BASE + "/{num}/comment/{event}/hide", hide_comment),
]
