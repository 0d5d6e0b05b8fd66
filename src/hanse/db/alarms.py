"""Contradictions that were seen in logs, with what convinces a third party: rows of `alarms`.

An alarm is raised once for the same evidence, and stays until a person closes it. A log that contradicts itself again and again
fills no table: of one origin and kind only so many are kept open.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from hanse.db.batch import insert_new
from hanse.db.schema_trust import alarms as table
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

MAX_OPEN = 100
"""Alarms of one origin and kind that are open at a time; more add nothing."""
MAX_EVIDENCE = 1024 * 1024
MAX_SAYS = 2000


@dataclass(frozen=True, slots=True)
class NewAlarm:
    """A contradiction.

    kind: a word such as `fork` or `owner-change`; origin: whose log; type, repo: "" where no repository is meant; says: one
    plain sentence; evidence: bytes that anybody can check; time: seconds since 1970.
    """

    kind: str
    origin: Origin
    says: str
    evidence: bytes
    time: int
    type: str = ""
    repo: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm as it is kept; digest: SHA-256 of its evidence."""

    id: int
    kind: str
    origin: Origin
    type: str
    repo: str
    says: str
    evidence: bytes
    digest: Sha256
    created_at: int
    closed: bool


def _alarm(row: Row[Any]) -> Alarm:
    return Alarm(
        id=row.id,
        kind=row.kind,
        origin=Origin(row.origin),
        type=row.type,
        repo=row.repo,
        says=row.says,
        evidence=bytes(row.evidence),
        digest=Sha256(row.digest),
        created_at=row.created_at,
        closed=bool(row.closed),
    )


def put(conn: Connection, new: NewAlarm) -> bool:
    """Record an alarm; tell whether it is new: neither known, open or closed, nor one too many of its kind.

    Evidence over 1 MiB and words over 2,000 characters are cut.
    """
    evidence = new.evidence[:MAX_EVIDENCE]
    digest = hashlib.sha256(evidence).hexdigest()
    if conn.execute(select(table.c.id).where(table.c.digest == digest)).first() is not None:
        return False
    alike = (table.c.origin == new.origin, table.c.kind == new.kind, ~table.c.closed)
    if conn.execute(select(func.count()).select_from(table).where(*alike)).scalar_one() >= MAX_OPEN:
        return False
    row: dict[str, object] = {"kind": new.kind, "origin": new.origin, "type": new.type, "repo": new.repo[:300]}
    row |= {"evidence": evidence} | {
        "says": new.says.replace("\0", "")[:MAX_SAYS],
        "digest": digest,
        "created_at": new.time,
        "closed": False,
    }
    insert_new(conn, table, [row])
    return True


def listed(conn: Connection, *, open_only: bool = True, after: int = 0, limit: int = 100) -> list[Alarm]:
    """Return alarms with ids above `after`, oldest first."""
    query = select(table).where(table.c.id > after)
    if open_only:
        query = query.where(~table.c.closed)
    return [_alarm(row) for row in conn.execute(query.order_by(table.c.id).limit(limit))]


def open_about(conn: Connection, origin: Origin, kind: str, repo: str) -> list[Alarm]:
    """Return the open alarms about a repository (type and case-folded path), and those about its whole origin."""
    mine = (table.c.type == kind) & (table.c.repo == repo) | (table.c.repo == "")
    query = select(table).where(table.c.origin == origin, ~table.c.closed, mine).order_by(table.c.id)
    return [_alarm(row) for row in conn.execute(query)]


def close(conn: Connection, alarm: int) -> bool:
    """Close an alarm by id, which a person has looked at; tell whether it was open."""
    done = conn.execute(update(table).where(table.c.id == alarm, ~table.c.closed).values(closed=True))
    return done.rowcount == 1
