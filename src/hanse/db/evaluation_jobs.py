"""Evaluations that a node was asked to make: rows of `evaluation_jobs` (LISTED STATE), a queue that several workers share.

A worker holds a job by a lease that it renews. Each taking has a higher fence, and everything that a worker writes names the
fence that it was given: what a worker that was away too long writes finds no row.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from hanse.db.schema_jobs import evaluation_jobs as table

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
OPEN = (WAITING, RUNNING)
"""States in which there is still something to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job. max_seconds, max_tokens: limits, 0 for none; spent: seconds of running so far; times in seconds since 1970.

    fence: how often it was taken; says: why it failed, or the digest of what was logged. account_id: who asked, 0 for the
    operator at the machine; max_cost, price_hour, price_million: millionths of a currency; item_table, transcript: tiers of who
    may fetch them; record: digest of the record once it is logged.
    """

    id: int
    repo_id: int
    rev: str
    suite: str
    max_seconds: int = 0
    max_tokens: int = 0
    state: str = WAITING
    holder: str = ""
    fence: int = 0
    expires_at: int = 0
    planned: int = 0
    done: int = 0
    tokens: int = 0
    spent: int = 0
    says: str = ""
    created_at: int = 0
    ended_at: int = 0
    account_id: int = 0
    max_cost: int = 0
    price_hour: int = 0
    price_million: int = 0
    item_table: str = "member"
    transcript: str = "member"
    record: str | None = None


def _job(row: Row[Any]) -> Job:
    return Job(**{name: getattr(row, name) for name in Job.__slots__})


def add(conn: Connection, job: Job) -> int:
    """Queue a job and return its number; the one that is given is not used."""
    values = {name: getattr(job, name) for name in Job.__slots__ if name != "id"}
    return int(conn.execute(insert(table).values(values).returning(table.c.id)).scalar_one())


def get(conn: Connection, number: int) -> Job | None:
    """Return a job."""
    row = conn.execute(select(table).where(table.c.id == number)).one_or_none()
    return None if row is None else _job(row)


def newest(conn: Connection, limit: int, account: int | None = None) -> list[Job]:
    """Return the newest jobs, the newest first; account: only those that it asked for."""
    query = select(table) if account is None else select(table).where(table.c.account_id == account)
    return [_job(row) for row in conn.execute(query.order_by(table.c.id.desc()).limit(limit))]


def of_repo(conn: Connection, repo: int) -> list[int]:
    """Return the numbers of all jobs about a repository."""
    return list(conn.execute(select(table.c.id).where(table.c.repo_id == repo)).scalars())


def same(conn: Connection, job: Job) -> Job | None:
    """Return a job that is still open and asks for the same."""
    alike = [getattr(table.c, name) == getattr(job, name) for name in ("repo_id", "rev", "suite")]
    row = conn.execute(select(table).where(*alike, table.c.state.in_(OPEN)).limit(1)).one_or_none()
    return None if row is None else _job(row)


def count_open(conn: Connection, account: int | None = None) -> int:
    """Return how many jobs there is still something to do for; account: of those that it asked for."""
    query = select(func.count()).select_from(table).where(table.c.state.in_(OPEN))
    return int(conn.execute(query if account is None else query.where(table.c.account_id == account)).scalar_one())


def take(conn: Connection, holder: str, now: int, lease: int, without: Collection[int] = ()) -> Job | None:
    """Give a worker the oldest job that nobody runs, for `lease` seconds; None if there is none. without: not these."""
    gone = and_(table.c.state == RUNNING, table.c.expires_at <= now)
    free = or_(table.c.state == WAITING, gone)
    query = select(table).where(free, table.c.id.not_in(without)).order_by(table.c.id).limit(1).with_for_update(skip_locked=True)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    mine = {"state": RUNNING, "holder": holder, "fence": row.fence + 1, "expires_at": now + lease}
    held = and_(table.c.id == row.id, table.c.fence == row.fence, free)
    if not conn.execute(update(table).where(held).values(mine)).rowcount:
        return None
    return get(conn, row.id)


def write(conn: Connection, job: Job, **values: Any) -> bool:
    """Write values of a job that a worker still holds, by its fence; tell whether it does."""
    held = and_(table.c.id == job.id, table.c.fence == job.fence, table.c.state == RUNNING)
    return bool(conn.execute(update(table).where(held).values(values)).rowcount)


def cancel(conn: Connection, number: int, now: int) -> bool:
    """End a job that is still open; tell whether it was. Its worker finds out when it renews its lease."""
    there = and_(table.c.id == number, table.c.state.in_(OPEN))
    values = {"state": CANCELLED, "ended_at": now, "holder": ""}
    return bool(conn.execute(update(table).where(there).values(values)).rowcount)
