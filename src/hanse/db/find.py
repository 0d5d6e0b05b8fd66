"""Where bytes are: which repositories hold a content or have a revision, for `hanse find`.

visible: a condition over `repos` that says what the caller may see (`hanse.flows.access.visible_repos_clause`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from hanse.db.batch import batches
from hanse.db.repos import Repo, from_row
from hanse.db.schema import files, refs, repo_files, repos, revisions
from hanse.model.digest import GitOid, Sha256, XetHash

_KEPT = ("live", "retired")


@dataclass(frozen=True, slots=True)
class Holder:
    """A repository that holds a content, live or retired, and since when as far as the catalogue knows."""

    repo: Repo
    sha256: Sha256
    xet: XetHash
    size: int
    added_at: int


def holders(conn: Connection, digest: str, visible: ColumnElement[bool], limit: int) -> list[Holder]:
    """Return repositories whose revisions name a content by its SHA-256 or Xet hash, by when it came and id."""
    query = select(repos, files.c.sha256, files.c.xet, files.c.size, repo_files.c.added_at)
    query = query.join(repo_files, repo_files.c.repo_id == repos.c.id).join(files, files.c.id == repo_files.c.file_id)
    query = query.where(or_(files.c.sha256 == digest, files.c.xet == digest), ~files.c.erased, repo_files.c.state.in_(_KEPT))
    rows = conn.execute(query.where(visible).order_by(repo_files.c.added_at, repos.c.id).limit(limit))
    return [Holder(from_row(row), Sha256(row.sha256), XetHash(row.xet), row.size, row.added_at) for row in rows]


def with_revision(
    conn: Connection, column: str, digest: str, visible: ColumnElement[bool], limit: int
) -> list[tuple[Repo, GitOid]]:
    """Return (repository, commit id) of kept revisions whose `rev` or `tree` (the column) this is, oldest row first."""
    query = select(repos, revisions.c.rev).join(revisions, revisions.c.repo_id == repos.c.id)
    query = query.where(revisions.c[column] == digest, revisions.c.state.in_(_KEPT), visible)
    rows = conn.execute(query.order_by(revisions.c.id).limit(limit))
    return [(from_row(row), GitOid(row.rev)) for row in rows]


def refs_to(conn: Connection, repo: int, rev: str) -> list[str]:
    """Return the names of the refs of a repository that point at a revision, sorted."""
    query = select(refs.c.ref).where(refs.c.repo_id == repo, refs.c.rev == rev).order_by(refs.c.ref)
    return [row.ref for row in conn.execute(query)]


def earlier_elsewhere(
    conn: Connection, repo: int, digests: Sequence[Sha256], visible: ColumnElement[bool], limit: int
) -> list[Holder]:
    """Return the repositories that had one of these contents before this one did, by when they got it."""
    mine = repo_files.alias()
    found: list[Holder] = []
    for some in batches(digests):
        query = select(repos, files.c.sha256, files.c.xet, files.c.size, repo_files.c.added_at)
        query = query.join(repo_files, repo_files.c.repo_id == repos.c.id).join(files, files.c.id == repo_files.c.file_id)
        query = query.join(mine, and_(mine.c.file_id == files.c.id, mine.c.repo_id == repo))
        before = or_(
            repo_files.c.added_at < mine.c.added_at,
            and_(repo_files.c.added_at == mine.c.added_at, repos.c.id < repo),
        )
        query = query.where(files.c.sha256.in_(some), repos.c.id != repo, repo_files.c.state == "live", before, visible)
        rows = conn.execute(query.order_by(repo_files.c.added_at, repos.c.id).limit(limit))
        found += [Holder(from_row(row), Sha256(row.sha256), XetHash(row.xet), row.size, row.added_at) for row in rows]
    return found[:limit]
