"""What is worth a second look in a revision: rows of `notices`. They block nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from hanse.db.batch import insert_new
from hanse.db.schema_trust import notices as table
from hanse.model.digest import GitOid


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that is worth a look.

    kind: a word such as `licence-changed`; about: what makes it different from others of its kind, such as a path; says: one
    plain sentence.
    """

    repo_id: int
    rev: GitOid
    kind: str
    about: str
    says: str
    created_at: int


def put(conn: Connection, rows: Sequence[Notice]) -> None:
    """Record notices; those that are known already stay as they are."""
    values = [
        {
            "repo_id": row.repo_id,
            "rev": row.rev,
            "kind": row.kind,
            "subject": hashlib.sha256(row.about.encode("utf-8", "surrogatepass")).hexdigest(),
            "says": row.says.replace("\0", ""),
            "created_at": row.created_at,
        }
        for row in rows
    ]
    insert_new(conn, table, values)


@dataclass(frozen=True, slots=True)
class Noticed:
    """A notice as it is read: what it says about a revision, and when it was found."""

    rev: GitOid
    kind: str
    says: str
    created_at: int


def of_repo(conn: Connection, repo: int, rev: str | None = None, limit: int = 1000) -> list[Noticed]:
    """Return the notices about a repository, or about one revision of it, the newest first."""
    query = select(table).where(table.c.repo_id == repo)
    if rev is not None:
        query = query.where(table.c.rev == rev)
    query = query.order_by(table.c.created_at.desc(), table.c.kind, table.c.says).limit(limit)
    return [Noticed(GitOid(row.rev), row.kind, row.says, row.created_at) for row in conn.execute(query)]


def settle(conn: Connection, repo: int, rev: str, kind: str) -> None:
    """Forget the notices of a kind about a revision: it is so no longer."""
    conn.execute(delete(table).where(table.c.repo_id == repo, table.c.rev == rev, table.c.kind == kind))


def drop(conn: Connection, repo: int) -> None:
    """Forget all notices about a repository."""
    conn.execute(delete(table).where(table.c.repo_id == repo))
