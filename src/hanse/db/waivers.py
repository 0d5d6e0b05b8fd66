"""Waivers: rows of `waivers` (LISTED STATE: they cannot be made again)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from hanse.db.schema_scans import waivers
from hanse.model.digest import Sha256


@dataclass(frozen=True, slots=True)
class Waiver:
    """One waiver.

    rules: ids of the rules that it puts aside for one content in one repository; author: who gave it; operator: with a node
    operator's rights; ends_at: seconds since 1970.
    """

    id: int
    repo_id: int
    sha256: Sha256
    rules: tuple[str, ...]
    reason: str
    author: str
    operator: bool
    created_at: int
    ends_at: int


def _waiver(row: Row[Any]) -> Waiver:
    rules = tuple(map(str, json.loads(row.rules)))
    return Waiver(
        row.id, row.repo_id, Sha256(row.sha256), rules, row.reason, row.author, row.operator, row.created_at, row.ends_at
    )


def add(conn: Connection, waiver: Waiver) -> Waiver:
    """Insert a waiver and return it with its number; the number given does not count."""
    values = {name: getattr(waiver, name) for name in Waiver.__slots__ if name not in ("id", "rules")}
    values["rules"] = json.dumps(list(waiver.rules))
    row = conn.execute(insert(waivers).values(values).returning(waivers)).one()
    return _waiver(row)


def of_repo(conn: Connection, repo: int) -> list[Waiver]:
    """Return the waivers of a repository, the newest first, those that have ended included."""
    return [_waiver(row) for row in conn.execute(select(waivers).where(waivers.c.repo_id == repo).order_by(waivers.c.id.desc()))]


def of_contents(conn: Connection, repo: int, digests: Sequence[Sha256], now: int) -> list[Waiver]:
    """Return the waivers in force for some contents of a repository."""
    query = select(waivers).where(waivers.c.repo_id == repo, waivers.c.ends_at >= now)
    if len(digests) <= 500:
        query = query.where(waivers.c.sha256.in_(digests))
    wanted = set(digests)
    return [found for row in conn.execute(query) if (found := _waiver(row)).sha256 in wanted]


def find(conn: Connection, repo: int, number: int) -> Waiver | None:
    """Return a waiver of a repository by its number."""
    row = conn.execute(select(waivers).where(waivers.c.repo_id == repo, waivers.c.id == number)).one_or_none()
    return None if row is None else _waiver(row)


def remove(conn: Connection, number: int) -> None:
    """Take a waiver back."""
    conn.execute(delete(waivers).where(waivers.c.id == number))
