"""Which files a repository holds and is charged for.

A repository is charged for a file from the first commit that names it until its bytes go; `repos.used_bytes` is the sum.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update

from hanse.content.terms import parse_terms
from hanse.db import blobs, xorbs
from hanse.db.batch import batches
from hanse.db.blobs import FileRow
from hanse.db.schema import files, repo_files, repos

CHARGED = ("live", "retired")


def newly_charged(conn: Connection, repo: int, rows: Sequence[FileRow]) -> int:
    """Return how many bytes the repository would be charged for if a commit named these files."""
    unique = {row.id: row for row in rows}
    states = blobs.file_states(conn, repo, sorted(unique))
    return sum(row.size for row in unique.values() if states.get(row.id) not in CHARGED)


def hold(conn: Connection, repo: int, rows: Sequence[FileRow], account: int | None, now: int) -> list[FileRow]:
    """Make files live in a repository and charge it for them; returns those whose bytes were removed meanwhile.

    If any were, the caller must roll back. Garbage collection locks the files' rows before it looks for holders, so either
    it sees these, or this sees what it removed.
    """
    unique = {row.id: row for row in rows}
    adding = newly_charged(conn, repo, rows)
    _refer(conn, repo, rows)
    blobs.link_files(conn, repo, unique, account, now)
    blobs.set_file_state(conn, repo, unique, "live")
    if adding:
        conn.execute(update(repos).where(repos.c.id == repo).values(used_bytes=repos.c.used_bytes + adding))
    gone: list[FileRow] = []
    for some in batches(sorted(unique)):
        erased = conn.execute(select(files.c.id).where(files.c.id.in_(some), files.c.erased))
        gone += [unique[row.id] for row in erased]
    return gone


def _refer(conn: Connection, repo: int, rows: Sequence[FileRow]) -> None:
    """Let writers of the repository refer to the xorbs of files that it takes over from another one."""
    known = blobs.file_states(conn, repo, sorted({row.id for row in rows}))
    used = {term.xorb for row in rows if row.terms and row.id not in known for term in parse_terms(row.terms)}
    if used:
        xorbs.link_xorbs(conn, repo, [row.id for row in xorbs.get_xorbs(conn, sorted(used)).values()])


def recount(conn: Connection, repo: int) -> int:
    """Set and return the bytes a repository is charged for, counted from its files."""
    held = repo_files.c.repo_id == repo
    total = select(func.coalesce(func.sum(files.c.size), 0)).join(repo_files, repo_files.c.file_id == files.c.id)
    used = int(conn.execute(total.where(held, repo_files.c.state.in_(CHARGED))).scalar_one())
    conn.execute(update(repos).where(repos.c.id == repo).values(used_bytes=used))
    return used
