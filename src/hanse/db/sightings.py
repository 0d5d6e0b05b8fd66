"""What other members' logs say about revisions: rows of `sightings`, filled by whoever mirrors these logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from hanse.db.batch import batches, insert_new
from hanse.db.schema_trust import sightings as table
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RepoId


@dataclass(frozen=True, slots=True)
class Said:
    """A statement about a public revision in somebody's log.

    log: whose; index: of the leaf; origin, type, repo: the repository, in lower case; time: as the leaf has it, seconds;
    manifest: it is a signed manifest, by which its signer says that he holds the files.
    """

    log: Origin
    index: int
    origin: Origin
    type: str
    repo: str
    rev: GitOid
    tree: Sha256
    time: int
    manifest: bool = True


def _said(row: Row[Any]) -> Said:
    place = (Origin(row.log), row.position, Origin(row.origin), row.type, row.repo)
    return Said(*place, GitOid(row.rev), Sha256(row.tree), row.time, bool(row.manifest))


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


def contradicted(conn: Connection, revs: Sequence[str], repos: Sequence[str]) -> set[tuple[str, str, str, str]]:
    """Return the revisions (origin, type, repository, commit id) among these of which manifests name more than one tree."""
    found = set[tuple[str, str, str, str]]()
    place = (table.c.origin, table.c.type, table.c.repo, table.c.rev)
    for some in batches(revs):
        for named in batches(repos):
            query = select(*place).where(table.c.rev.in_(some), table.c.repo.in_(named), table.c.manifest).group_by(*place)
            rows = conn.execute(query.having(func.min(table.c.tree) != func.max(table.c.tree)))
            found |= {(row.origin, row.type, row.repo, row.rev) for row in rows}
    return found


def another(conn: Connection, place: tuple[str, str, str, str], tree: str) -> Said | None:
    """Return the oldest manifest that names another tree of a revision (origin, type, repository, commit id), if there is one."""
    origin, kind, repo, rev = place
    here = (table.c.rev == rev, table.c.origin == origin, table.c.type == kind, table.c.repo == repo)
    query = select(*_COLUMNS).where(*here, table.c.manifest, table.c.tree != tree)
    row = conn.execute(query.order_by(table.c.time, table.c.log, table.c.index).limit(1)).first()
    return None if row is None else _said(row)


def holders(conn: Connection, repo: RepoId, rev: GitOid, tree: Sha256) -> set[Origin]:
    """Return who says in his log that he holds a revision of a repository, with these files."""
    named = (table.c.origin == repo.origin) & (table.c.type == repo.type.value) & (table.c.repo == repo.folded)
    query = select(table.c.log).where(named, table.c.rev == rev, table.c.tree == tree, table.c.manifest).distinct()
    return {Origin(log) for log in conn.execute(query).scalars()}


def counts(conn: Connection) -> dict[Origin, int]:
    """Return how many public revisions each log says its operator holds."""
    query = select(table.c.log, func.count(table.c.rev.distinct())).where(table.c.manifest).group_by(table.c.log)
    return {Origin(log): number for log, number in conn.execute(query)}


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
