"""Which files a repository holds and is charged for.

A repository is charged for a file from the first commit that names it until its bytes go; `repos.used_bytes` is the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from hanse.content.terms import parse_terms
from hanse.db import blobs, xorbs
from hanse.db.batch import batches
from hanse.db.blobs import FileRow
from hanse.db.schema import files, repo_files, repos

CHARGED = ("live", "retired")


@dataclass(frozen=True, slots=True)
class Holding:
    """What came of `hold`. added: bytes newly charged; gone: files whose bytes were removed meanwhile."""

    added: int
    gone: tuple[FileRow, ...]


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
    return Holding(adding, tuple(gone))


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
