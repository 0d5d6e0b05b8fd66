"""Threads of a repository: opening, commenting, renaming, closing (hub-api.md A.6). Pull requests are in `hanse.flows.pulls`.

Whoever sees a repository and has a write token may open threads and comment. Titles and states belong to the thread's author
and to those who may write to the repository.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from hanse.db import discussions
from hanse.db.discussions import Discussion, Event
from hanse.db.repos import Repo
from hanse.errors import BadFormat, Conflict, NotAllowed, NotFoundError, TooLarge
from hanse.flows import access
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.repo import RefName

MAIN = RefName("refs/heads/main")
MAX_TITLE = 500
MAX_COMMENT = 65_536
MAX_EVENTS = 2_000
MAX_EDITS = 50
MAX_THREAD_BYTES = 1024 * 1024
"""Of all its events together, former versions of comments included: what showing a thread costs is bounded by it."""
_STATES = {"open": ["draft", "open"], "closed": ["closed", "merged"], "all": [], "": []}
_KINDS = {"discussion": False, "pull_request": True, "all": None, "": None}


@dataclass(frozen=True, slots=True)
class Thread:
    """A discussion with all its events, in order."""

    discussion: Discussion
    events: tuple[Event, ...]


def list_discussions(
    node: Node, repo: Repo, *, kind: str, status: str, author: str, limit: int, skip: int
) -> tuple[list[Discussion], int]:
    """Return a page of the discussions that fit, newest first, and how many fit in all.

    kind: `discussion`, `pull_request` or `all`; status: `open` (drafts too), `closed` (merged too) or `all`. Raises BadFormat.
    """
    if kind not in _KINDS or status not in _STATES:
        raise BadFormat(
            f"unknown type {kind[:40]!r} or status {status[:40]!r}",
            hint="type: discussion, pull_request, all; status: open, closed, all",
        )
    with node.db.read() as conn:
        return discussions.search(
            conn, repo.id, pull_request=_KINDS[kind], statuses=_STATES[status], author=author, limit=limit, skip=skip
        )


def require_participant(actor: Actor) -> str:
    """Return the caller's name; raises NotAuthenticated or NotAllowed unless he has an account and a write token."""
    access.require_account(actor)
    if actor.role != "write":
        raise NotAllowed("this needs a token with write rights", hint="make a write token")
    return str(actor.name)


def open_discussion(node: Node, actor: Actor, repo: Repo, title: str, description: str) -> int:
    """Open a discussion and return its number."""
    author = require_participant(actor)
    title = check_title(title)
    check_comment(description)
    now = node.clock.now()
    with node.db.write() as conn:
        made = discussions.create(
            conn, repo.id, title=title, pull_request=False, status="open", author=author, target=MAIN, base=None, now=now
        )
        discussions.add_event(conn, repo.id, made.num, comment_event(author, description, now))
    return made.num


def thread(node: Node, repo: Repo, num: int) -> Thread:
    """Return a discussion with its events; raises NotFoundError."""
    with node.db.read() as conn:
        found = _require(conn, repo, num)
        return Thread(found, tuple(discussions.events(conn, repo.id, num, MAX_EVENTS)))


def comment(node: Node, actor: Actor, repo: Repo, num: int, text: str) -> Event:
    """Add a comment and return its event; raises NotFoundError, TooLarge."""
    author = require_participant(actor)
    check_comment(text, empty=False)
    with node.db.write() as conn:
        _require(conn, repo, num)
        return append(conn, repo.id, num, comment_event(author, text, node.clock.now()))


def retitle(node: Node, actor: Actor, repo: Repo, num: int, title: str) -> Event:
    """Change the title and return the event of it; raises NotAllowed unless the thread is the caller's or he may write."""
    title = check_title(title)
    with node.db.write() as conn:
        found = require_mine(conn, actor, repo, num)
        discussions.set_fields(conn, repo.id, num, title=title)
        event = new_event("title-change", str(actor.name), node.clock.now(), {"from": found.title, "to": title})
        return append(conn, repo.id, num, event)


def set_status(node: Node, actor: Actor, repo: Repo, num: int, status: str, *, text: str) -> Event:
    """Open or close a thread, with a comment if there is `text`, and return the event of it.

    Raises Conflict for a merged pull request, BadFormat for another status than `open` and `closed`.
    """
    if status not in ("open", "closed"):
        raise BadFormat(f"a discussion can be set to open or closed, not to {status[:40]!r}")
    check_comment(text)
    now = node.clock.now()
    with node.db.write() as conn:
        found = require_mine(conn, actor, repo, num)
        if found.status == "merged":
            raise Conflict("a merged pull request cannot be opened or closed any more")
        if text:
            append(conn, repo.id, num, comment_event(str(actor.name), text, now))
        discussions.set_fields(conn, repo.id, num, status=status)
        return append(conn, repo.id, num, new_event("status-change", str(actor.name), now, {"status": status}))


def edit_comment(node: Node, actor: Actor, repo: Repo, num: int, event_id: str, *, text: str) -> Event:
    """Replace a comment's text, keeping the former one in its history; raises NotAllowed unless it is the caller's."""
    check_comment(text, empty=False)
    name = require_participant(actor)
    with node.db.write() as conn:
        event = _require_comment(conn, repo, num, event_id)
        if event.author != name:
            raise NotAllowed("only its author may edit a comment")
        data = dict(event.data)
        if data["hidden"]:
            raise Conflict("a hidden comment cannot be edited")
        if len(data["history"]) >= MAX_EDITS:
            raise TooLarge(f"a comment may be edited {MAX_EDITS} times")
        before = {"raw": data["raw"], "updated": data["updated"], "by": data["by"]}
        _check_room(conn, repo.id, num, len(text))
        data |= {"raw": text, "updated": node.clock.now(), "by": name, "edited": True, "history": [*data["history"], before]}
        return _store(conn, event, data)


def hide_comment(node: Node, actor: Actor, repo: Repo, num: int, event_id: str) -> Event:
    """Remove a comment's text for good; raises NotAllowed unless it is the caller's or he may write to the repository."""
    name = require_participant(actor)
    with node.db.write() as conn:
        event = _require_comment(conn, repo, num, event_id)
        if event.author != name:
            access.require_write(actor, repo)
        gone = {"raw": "This comment has been hidden", "updated": node.clock.now(), "by": name, "hidden": True, "history": []}
        return _store(conn, event, dict(event.data) | gone)


def _store(conn: Connection, event: Event, data: Mapping[str, Any]) -> Event:
    discussions.set_event_data(conn, event.id, data)
    return replace(event, data=data)


# What pull requests use too.


def require_mine(conn: Connection, actor: Actor, repo: Repo, num: int) -> Discussion:
    """Return a discussion that the caller opened or whose repository he may write to; raises NotFoundError or NotAllowed."""
    name = require_participant(actor)
    found = _require(conn, repo, num)
    if found.author != name:
        access.require_write(actor, repo)
    return found


def _require(conn: Connection, repo: Repo, num: int) -> Discussion:
    found = discussions.find(conn, repo.id, num)
    if found is None:
        raise NotFoundError(f"there is no discussion {num} in {repo.repo.path}")
    return found


def _require_comment(conn: Connection, repo: Repo, num: int, event_id: str) -> Event:
    _require(conn, repo, num)
    event = discussions.event(conn, repo.id, num, event_id)
    if event is None or event.type != "comment":
        raise NotFoundError(f"there is no such comment in discussion {num}")
    return event


def append(conn: Connection, repo: int, num: int, event: Event) -> Event:
    """Append an event to a thread and return it; raises TooLarge for a thread that is full."""
    _check_room(conn, repo, num, len(str(event.data)))
    discussions.add_event(conn, repo, num, event)
    return event


def _check_room(conn: Connection, repo: int, num: int, adding: int) -> None:
    count, size = discussions.thread_size(conn, repo, num)
    if count >= MAX_EVENTS or size + adding > MAX_THREAD_BYTES:
        raise TooLarge(
            f"a discussion may have at most {MAX_EVENTS} events and {MAX_THREAD_BYTES} characters", hint="open a new one"
        )


def new_event(kind: str, author: str, now: int, data: Mapping[str, Any]) -> Event:
    """Return a new event with an id of its own."""
    return Event(secrets.token_hex(12), kind, author, now, data)


def comment_event(author: str, text: str, now: int) -> Event:
    """Return a new comment."""
    data = {"raw": text, "updated": now, "by": author, "edited": False, "hidden": False, "history": []}
    return new_event("comment", author, now, data)


def check_title(title: str) -> str:
    """Return the title on one line; raises BadFormat if it is empty, TooLarge if it is too long."""
    title = " ".join(title.split())
    if not title:
        raise BadFormat("a discussion needs a title")
    if len(title) > MAX_TITLE:
        raise TooLarge(f"a title may have at most {MAX_TITLE} characters")
    return title


def check_comment(text: str, *, empty: bool = True) -> None:
    """Raise TooLarge or BadFormat for a comment that is too long, or empty where it may not be."""
    if len(text) > MAX_COMMENT:
        raise TooLarge(f"a comment may have at most {MAX_COMMENT} characters")
    if not empty and not text.strip():
        raise BadFormat("a comment needs text")
