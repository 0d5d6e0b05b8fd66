"""Alarms: contradictions that were seen, with the evidence (rows of `alarms`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, select, update

from hanse.db.batch import insert_new
from hanse.db.schema import names, repos
from hanse.db.schema_trust import alarms

MAX_OPEN = 64
"""Open alarms of one kind about one log: whoever lies without end needs no more rows."""
MAX_EVIDENCE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Alarm:
    """A contradiction.

    kind: equivocation, false-map, owner-change and the like; origin: the log that it is about; type, repo: "" where no
    repository is meant; evidence: bytes that convince a third party.
    """

    kind: str
    origin: str
    says: str
    evidence: bytes = field(repr=False)
    created_at: int
    type: str = ""
    repo: str = ""
    id: int = 0
    closed: bool = False


def _alarm(row: Row[Any]) -> Alarm:
    values = {name: getattr(row, name) for name in Alarm.__slots__ if name != "evidence"}
    return Alarm(evidence=bytes(row.evidence), **values)


def put(conn: Connection, alarm: Alarm) -> bool:
    """Raise an alarm unless the same evidence did before, or there are many like it; tell whether it is new."""
    alike = (alarms.c.kind == alarm.kind) & (alarms.c.origin == alarm.origin) & alarms.c.closed.is_(False)
    before = conn.execute(select(func.count()).select_from(alarms).where(alike)).scalar_one()
    if before >= MAX_OPEN:
        return False
    values = {name: getattr(alarm, name) for name in Alarm.__slots__ if name != "id"}
    evidence = alarm.evidence[:MAX_EVIDENCE]
    digest = hashlib.sha256(b"\0".join([alarm.kind.encode(), alarm.origin.encode(), evidence])).hexdigest()
    insert_new(conn, alarms, [values | {"evidence": evidence, "digest": digest}])
    return bool(conn.execute(select(func.count()).select_from(alarms).where(alike)).scalar_one() > before)


def every(conn: Connection, *, closed: bool = False, limit: int = 1000) -> list[Alarm]:
    """Return alarms, the newest first; without `closed` only those that are open."""
    query = select(alarms).order_by(alarms.c.id.desc()).limit(limit)
    if not closed:
        query = query.where(alarms.c.closed.is_(False))
    return [_alarm(row) for row in conn.execute(query)]


def headlines(conn: Connection, limit: int) -> list[Alarm]:
    """Return the newest open alarms without their evidence, which may be big."""
    columns: list[ColumnElement[Any]] = [column for column in alarms.c if column.name != "evidence"]
    query: Select[Any] = select(*columns, literal(b"").label("evidence")).where(alarms.c.closed.is_(False))
    return [_alarm(row) for row in conn.execute(query.order_by(alarms.c.id.desc()).limit(limit))]


def unspoken(conn: Connection, rows: Sequence[Alarm]) -> set[int]:
    """Return the numbers of those alarms that are about a repository of this name that is not public here."""
    found = set[int]()
    for one in rows:
        same = (names.c.type == one.type) & (names.c.folded == one.repo.lower())
        query = select(repos.c.id).join(names, names.c.repo_id == repos.c.id).where(same, repos.c.visibility != "public")
        if one.repo and conn.execute(query.limit(1)).first():
            found.add(one.id)
    return found


def count(conn: Connection) -> int:
    """Return how many alarms are open."""
    return conn.execute(select(func.count()).select_from(alarms).where(alarms.c.closed.is_(False))).scalar_one()


def close(conn: Connection, number: int) -> bool:
    """Close an alarm that somebody looked into; tell whether it was open."""
    here = (alarms.c.id == number) & alarms.c.closed.is_(False)
    return conn.execute(update(alarms).where(here).values(closed=True)).rowcount == 1
