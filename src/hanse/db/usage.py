"""Which files a repository holds and is charged for.

A repository is charged for a file from the first commit that names it until its bytes go; `repos.used_bytes` is the sum.
*Staged* is what was uploaded and no commit named yet: files, and multipart uploads in progress at their whole size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true, update

from hanse.content.terms import parse_terms
from hanse.db import blobs, xorbs
from hanse.db.batch import batches
from hanse.db.blobs import FileRow
from hanse.db.schema import STAGED, files, lfs_uploads, repo_files, repos
from hanse.model.repo import Origin, RepoType

CHARGED = ("live", "retired")


@dataclass(frozen=True, slots=True)
class Holding:
    """What came of `hold`.

    added: bytes newly charged; gone: files whose bytes were removed meanwhile; fresh: those of `added` that
    were not staged before.
    """

    added: int
    gone: tuple[FileRow, ...]
    fresh: int = 0


def hold(conn: Connection, repo: int, rows: Sequence[FileRow], account: int | None, now: int) -> Holding:
    """Make files live in a repository and charge it for them.

    If the bytes of any were removed meanwhile, the caller must roll back. Garbage collection locks the files' rows before it
    looks for holders, so either it sees these, or this sees what it removed.
    """
    unique = {row.id: row for row in rows}
    if not unique:
        return Holding(0, ())
    states = blobs.file_states(conn, repo, sorted(unique))
    _refer(conn, repo, [row for row in unique.values() if row.id not in states])
    if any(states.get(one) != "staged" for one in unique):
        blobs.link_files(conn, repo, unique, account, now)
    blobs.set_file_state(conn, repo, [one for one in unique if states.get(one) != "live"], "live")
    adding = sum(row.size for row in unique.values() if states.get(row.id) not in CHARGED)
    if adding:
        conn.execute(update(repos).where(repos.c.id == repo).values(used_bytes=repos.c.used_bytes + adding))
    gone: list[FileRow] = []
    for some in batches(sorted(unique)):
        erased = conn.execute(select(files.c.id).where(files.c.id.in_(some), files.c.erased))
        gone += [unique[row.id] for row in erased]
    return Holding(adding, tuple(gone), sum(row.size for row in unique.values() if row.id not in states))


def _refer(conn: Connection, repo: int, rows: Sequence[FileRow]) -> None:
    """Let writers of the repository refer to the xorbs of files that it takes over from another one."""
    used = {term.xorb for row in rows if row.terms for term in parse_terms(row.terms)}
    if used:
        xorbs.link_xorbs(conn, repo, [row.id for row in xorbs.get_xorbs(conn, sorted(used)).values()])


def recount(conn: Connection, repo: int) -> int:
    """Set and return the bytes a repository is charged for, counted from its files."""
    held = repo_files.c.repo_id == repo
    total = select(func.coalesce(func.sum(files.c.size), 0)).join(repo_files, repo_files.c.file_id == files.c.id)
    used = int(conn.execute(total.where(held, repo_files.c.state.in_(CHARGED))).scalar_one())
    conn.execute(update(repos).where(repos.c.id == repo).values(used_bytes=used))
    return used


def missing_bytes(conn: Connection, repo: int, rows: Sequence[FileRow], since: int) -> int:
    """Return the bytes of those files that the repository does not hold, or holds as uploads from before `since` only."""
    sizes = {row.id: row.size for row in rows}
    for some in batches(sorted(sizes)):
        counted = or_(repo_files.c.state.in_(CHARGED), repo_files.c.added_at >= since)
        query = select(repo_files.c.file_id).where(repo_files.c.repo_id == repo, repo_files.c.file_id.in_(some), counted)
        for row in conn.execute(query):
            del sizes[row.file_id]
    return sum(sizes.values())


def staged_bytes(conn: Connection, origin: Origin, namespace: str, *, since: int, now: int) -> int:
    """Return what is staged since that time in the repositories of a namespace (any case) at `origin`."""
    inside = and_(
        repos.c.type.in_([kind.value for kind in RepoType]),  # lets the index on (type, namespace) serve
        repos.c.namespace_folded == namespace.lower(),
        repos.c.origin == origin,
    )
    return _staged(conn, inside, true(), true(), since=since, now=now)


def account_staged_bytes(conn: Connection, account: int, own: Sequence[str], *, since: int, now: int) -> int:
    """Return what an account staged since that time in repositories outside the namespaces `own` (case-folded)."""
    outside = repos.c.namespace_folded.not_in(own)
    return _staged(conn, outside, repo_files.c.account_id == account, lfs_uploads.c.account_id == account, since=since, now=now)


def _staged(
    conn: Connection,
    where: ColumnElement[bool],
    by_file: ColumnElement[bool],
    by_upload: ColumnElement[bool],
    *,
    since: int,
    now: int,
) -> int:
    held = (
        select(func.coalesce(func.sum(files.c.size), 0))
        .select_from(repo_files)
        .join(repos, repos.c.id == repo_files.c.repo_id)
        .join(files, files.c.id == repo_files.c.file_id)
        .where(STAGED, repo_files.c.added_at >= since, by_file, where)
    )
    coming = (
        select(func.coalesce(func.sum(lfs_uploads.c.size), 0))
        .select_from(lfs_uploads)
        .join(repos, repos.c.id == lfs_uploads.c.repo_id)
        .where(lfs_uploads.c.expires_at > now, by_upload, where)
    )
    return int(conn.execute(held).scalar_one()) + int(conn.execute(coming).scalar_one())
