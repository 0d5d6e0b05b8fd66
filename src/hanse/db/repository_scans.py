"""Verdicts on whole revisions: rows of `repository_scans`, one for each repository, revision and ruleset."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from hanse.db.scans import upsert
from hanse.db.schema import refs, repos, revisions
from hanse.db.schema_scans import repository_scans as table
from hanse.model.digest import NO_GIT_OID, GitOid

_KEPT = ("live", "retired", "withdrawn")


@dataclass(frozen=True, slots=True)
class RepositoryScan:
    """The verdict on one revision.

    report: compressed canonical JSON; asked: which other scanners were asked about its files, "" for none yet.
    """

    repo_id: int
    rev: GitOid
    ruleset: str
    scanner: str
    report: bytes
    asked: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Head:
    """A revision that a ref of a live repository names."""

    repo_id: int
    ref: str
    rev: GitOid


def put(conn: Connection, row: RepositoryScan) -> None:
    """Record a verdict, in place of that of another version of the scanner; those of revisions that were erased go."""
    values = {name: getattr(row, name) for name in RepositoryScan.__slots__}
    upsert(conn, table, [values], ("scanner", "report", "asked", "created_at"))
    kept = select(revisions.c.rev).where(revisions.c.repo_id == row.repo_id, revisions.c.state.in_(_KEPT))
    conn.execute(delete(table).where(table.c.repo_id == row.repo_id, table.c.rev.not_in(kept)))


def get(conn: Connection, repo: int, rev: str, ruleset: str, scanner: str) -> RepositoryScan | None:
    """Return the verdict of this scanner on a revision."""
    query = select(table).where(table.c.repo_id == repo, table.c.rev == rev, table.c.ruleset == ruleset)
    row = conn.execute(query.where(table.c.scanner == scanner)).one_or_none()
    if row is None:
        return None
    return RepositoryScan(row.repo_id, GitOid(row.rev), row.ruleset, row.scanner, bytes(row.report), row.asked, row.created_at)


def set_asked(conn: Connection, repo: int, rev: str, ruleset: str, asked: str) -> None:
    """Note which other scanners were asked about the files of a revision."""
    mine = and_(table.c.repo_id == repo, table.c.rev == rev, table.c.ruleset == ruleset)
    conn.execute(update(table).where(mine).values(asked=asked))


def drop(conn: Connection, repo: int) -> None:
    """Forget the verdicts on all revisions of a repository."""
    conn.execute(delete(table).where(table.c.repo_id == repo))


def unjudged(conn: Connection, ruleset: str, scanner: str, before: int, after: tuple[int, str] = (0, "")) -> Head | None:
    """Return the first head behind `after` (repository, ref) that rests since `before` and whose verdict is not known."""
    return _first(conn, _verdict(ruleset, scanner), table.c.rev.is_(None), before=before, after=after)


def unasked(
    conn: Connection, ruleset: str, scanner: str, asked: str, *, before: int, after: tuple[int, str] = (0, "")
) -> Head | None:
    """Return the first such head whose verdict is known and about whose files not all of `asked` were asked."""
    return _first(conn, _verdict(ruleset, scanner), table.c.asked != asked, before=before, after=after)


def _verdict(ruleset: str, scanner: str) -> ColumnElement[bool]:
    """Return the condition that a row is the verdict on a ref's head."""
    same = and_(table.c.repo_id == refs.c.repo_id, table.c.rev == refs.c.rev)
    return and_(same, table.c.ruleset == ruleset, table.c.scanner == scanner)


def _first(
    conn: Connection, verdict: ColumnElement[bool], wanted: ColumnElement[bool], *, before: int, after: tuple[int, str]
) -> Head | None:
    behind = (refs.c.repo_id > after[0]) | ((refs.c.repo_id == after[0]) & (refs.c.ref > after[1]))
    query = select(refs.c.repo_id, refs.c.ref, refs.c.rev).join(repos, repos.c.id == refs.c.repo_id).outerjoin(table, verdict)
    query = query.where(repos.c.state == "live", refs.c.rev != NO_GIT_OID, refs.c.updated_at <= before, behind, wanted)
    row = conn.execute(query.order_by(refs.c.repo_id, refs.c.ref).limit(1)).one_or_none()
    return None if row is None else Head(row.repo_id, row.ref, GitOid(row.rev))
