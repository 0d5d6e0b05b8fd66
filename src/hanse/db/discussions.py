"""Discussions and pull requests in the catalogue: rows of `discussions` and `discussion_events` (LISTED STATE)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from hanse.db import repos
from hanse.db.schema import discussion_events, discussions
from hanse.model.digest import GitOid
from hanse.model.repo import RefName


@dataclass(frozen=True, slots=True)
class Discussion:
    """A thread of a repository.

    num: counts from 1 within the repository; status: `draft`, `open`, `closed` or `merged`; target: the branch a pull
    request wants to change; base: its commit when the request was made; merged: the commit that merged it; created_at:
    seconds since 1970.
    """

    repo_id: int
    num: int
    title: str
    pull_request: bool
    status: str
    author: str
    target: RefName
    base: GitOid | None
    merged: GitOid | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a thread. id: 24 hex digits; type: as in the Hub API (comment, status-change, ...); data: its fields."""

    id: str
    type: str
    author: str
    created_at: int
    data: Mapping[str, Any]


def _discussion(row: Row[Any]) -> Discussion:
    return Discussion(
        repo_id=row.repo_id,
        num=row.num,
        title=row.title,
        pull_request=bool(row.pull_request),
        status=row.status,
        author=row.author,
        target=RefName(row.target),
        base=None if row.base is None else GitOid(row.base),
        merged=None if row.merged is None else GitOid(row.merged),
        created_at=row.created_at,
    )


def _event(row: Row[Any]) -> Event:
    return Event(row.id, row.type, row.author, row.created_at, json.loads(row.data))


def create(
    conn: Connection,
    repo: int,
    *,
    title: str,
    pull_request: bool,
    status: str,
    author: str,
    target: RefName,
    base: GitOid | None,
    now: int,
) -> Discussion:
    """Insert a discussion under the repository's next number and return it."""
    repos.lock(conn, repo)  # two callers must not take the same number
    newest = conn.execute(select(func.max(discussions.c.num)).where(discussions.c.repo_id == repo)).scalar_one()
    made = Discussion(repo, (newest or 0) + 1, title, pull_request, status, author, target, base, None, now)
    values = {name: getattr(made, name) for name in Discussion.__slots__}
    conn.execute(insert(discussions).values(values))
    return made


def find(conn: Connection, repo: int, num: int) -> Discussion | None:
    """Return the discussion of that number."""
    row = conn.execute(select(discussions).where(discussions.c.repo_id == repo, discussions.c.num == num)).one_or_none()
    return None if row is None else _discussion(row)


def search(
    conn: Connection, repo: int, *, pull_request: bool | None, statuses: list[str], author: str, limit: int, skip: int
) -> tuple[list[Discussion], int]:
    """Return a page of the discussions that fit, newest first, and how many fit in all.

    pull_request: None for both kinds; statuses: empty for all; author: empty for all, any case.
    """
    fits = discussions.c.repo_id == repo
    if pull_request is not None:
        fits = and_(fits, discussions.c.pull_request == pull_request)
    if statuses:
        fits = and_(fits, discussions.c.status.in_(statuses))
    if author:
        fits = and_(fits, func.lower(discussions.c.author) == author.lower())
    count = conn.execute(select(func.count()).select_from(discussions).where(fits)).scalar_one()
    query = select(discussions).where(fits).order_by(discussions.c.num.desc()).limit(limit).offset(skip)
    return [_discussion(row) for row in conn.execute(query)], count


def pull_requests(conn: Connection, repo: int) -> list[Discussion]:
    """Return all pull requests of a repository, by number."""
    query = select(discussions).where(discussions.c.repo_id == repo, discussions.c.pull_request)
    return [_discussion(row) for row in conn.execute(query.order_by(discussions.c.num))]


def set_fields(conn: Connection, repo: int, num: int, **values: object) -> None:
    """Set columns of one discussion."""
    conn.execute(update(discussions).where(discussions.c.repo_id == repo, discussions.c.num == num).values(**values))


def add_event(conn: Connection, repo: int, num: int, event: Event) -> None:
    """Append an event to a thread."""
    mine = and_(discussion_events.c.repo_id == repo, discussion_events.c.num == num)
    last = conn.execute(select(func.max(discussion_events.c.position)).where(mine)).scalar_one()
    values = {
        "id": event.id,
        "repo_id": repo,
        "num": num,
        "type": event.type,
        "author": event.author,
        "created_at": event.created_at,
        "data": json.dumps(event.data),
        "position": (last or 0) + 1,
    }
    conn.execute(insert(discussion_events).values(values))


def events(conn: Connection, repo: int, num: int, limit: int) -> list[Event]:
    """Return the thread's events in order, at most `limit`."""
    query = select(discussion_events).where(discussion_events.c.repo_id == repo, discussion_events.c.num == num)
    return [_event(row) for row in conn.execute(query.order_by(discussion_events.c.position).limit(limit))]


def thread_size(conn: Connection, repo: int, num: int) -> tuple[int, int]:
    """Return how many events a thread has, and the characters of their fields."""
    mine = and_(discussion_events.c.repo_id == repo, discussion_events.c.num == num)
    size = func.coalesce(func.sum(func.length(discussion_events.c.data)), 0)
    row = conn.execute(select(func.count(), size).select_from(discussion_events).where(mine)).one()
    return int(row[0]), int(row[1])


def event(conn: Connection, repo: int, num: int, event_id: str) -> Event | None:
    """Return one event of a thread."""
    mine = and_(discussion_events.c.repo_id == repo, discussion_events.c.num == num, discussion_events.c.id == event_id)
    row = conn.execute(select(discussion_events).where(mine)).one_or_none()
    return None if row is None else _event(row)


def set_event_data(conn: Connection, event_id: str, data: Mapping[str, Any]) -> None:
    """Replace the fields of one event."""
    conn.execute(update(discussion_events).where(discussion_events.c.id == event_id).values(data=json.dumps(data)))
