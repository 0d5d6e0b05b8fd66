"""What other members' logs say about revisions: rows of `sightings`, filled by whoever mirrors these logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from hanse.db.batch import batches, insert_new
from hanse.db.schema_trust import sightings as table
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin


@dataclass(frozen=True, slots=True)
class Said:
    """A statement about a public revision in somebody's log.

    log: whose; index: of the leaf; origin, type, repo: the repository, in lower case; time: as the leaf has it, seconds.
    """

    log: Origin
    index: int
    origin: Origin
    type: str
    repo: str
    rev: GitOid
    tree: Sha256
    time: int


def _said(row: Row[Any]) -> Said:
    place = (Origin(row.log), row.position, Origin(row.origin), row.type, row.repo)
    return Said(*place, GitOid(row.rev), Sha256(row.tree), row.time)


def put(conn: Connection, rows: Sequence[Said]) -> None:
    """Record statements; those that are known stay as they are."""
    insert_new(conn, table, [{name: getattr(row, name) for name in Said.__slots__} for row in rows])


# A row's own `index` is the method of tuples, hence another name.
_COLUMNS = (*(column for column in table.c if column.name != "index"), table.c.index.label("position"))


def about(conn: Connection, column: str, digests: Sequence[str], limit: int) -> list[Said]:
    """Return statements about revisions whose `rev` or `tree` (the column) is one of these, oldest first."""
    found: list[Said] = []
    for some in batches(digests):
        query = select(*_COLUMNS).where(table.c[column].in_(some)).order_by(table.c.time, table.c.log, table.c.index)
        found += [_said(row) for row in conn.execute(query.limit(limit))]
    return sorted(found, key=lambda row: (row.time, row.log, row.index))[:limit]


def of_revision(conn: Connection, repo: tuple[str, str, str], rev: str, limit: int) -> list[Said]:
    """Return the newest statements about a revision of a repository (origin, type, lower-case name), by log, oldest first."""
    origin, kind, name = repo
    here = (table.c.rev == rev, table.c.origin == origin, table.c.type == kind, table.c.repo == name)
    query = select(*_COLUMNS).where(*here).order_by(table.c.time.desc(), table.c.log, table.c.index.desc()).limit(limit)
    return sorted((_said(row) for row in conn.execute(query)), key=lambda row: (row.log, row.index))


def page(conn: Connection, log: str, after: int, limit: int) -> list[Said]:
    """Return the first statements in a log with indexes above `after`, in their order."""
    query = select(*_COLUMNS).where(table.c.log == log, table.c.index > after).order_by(table.c.index).limit(limit)
    return [_said(row) for row in conn.execute(query)]
