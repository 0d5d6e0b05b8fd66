"""Files, who may name them, and accepted shards.

A *scope* says whose bytes may be referred to: a repository's id, or a condition over the `repos` table (such as
`hanse.flows.access.visible_repos_clause`). Functions without a scope are for the node itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, or_, select, update

from hanse.db.batch import batches, insert_new
from hanse.db.schema import files, repo_files, repos, shards
from hanse.model.digest import Sha256, XetHash

Scope = int | ColumnElement[bool]
"""A repository's id, or a condition over `repos`."""

_COLUMNS = (files.c.id, files.c.xet, files.c.sha256, files.c.size, files.c.terms, files.c.chunks, files.c.erased)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A stored file. size: bytes; terms: packed reconstruction, None if stored whole as `blobs/<sha256>`; chunks: count."""

    id: int
    xet: XetHash
    sha256: Sha256
    size: int
    terms: bytes | None
    chunks: int
    erased: bool = False


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be recorded; fields as in FileRow."""

    xet: XetHash
    sha256: Sha256
    size: int
    terms: bytes | None
    chunks: int


def _row(row: Row[*tuple[Any, ...]]) -> FileRow:
    return FileRow(row.id, XetHash(row.xet), Sha256(row.sha256), row.size, row.terms, row.chunks, row.erased)


def in_scope(scope: Scope, repo_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that the repository numbered by column `repo_id` lies in `scope`."""
    if isinstance(scope, int):
        return repo_id == scope
    return exists(select(repos.c.id).where(repos.c.id == repo_id, scope))


def _scoped(scope: Scope) -> Select[int, str, str, int, bytes | None, int, bool]:
    """Select the files that some repository of `scope` holds and that are not erased, the oldest first."""
    holder = exists(select(repo_files.c.file_id).where(repo_files.c.file_id == files.c.id, in_scope(scope, repo_files.c.repo_id)))
    return select(*_COLUMNS).where(~files.c.erased, holder).order_by(files.c.id)


def find_by_sha256(conn: Connection, scope: Scope, digests: Sequence[Sha256]) -> dict[Sha256, FileRow]:
    """Return the files of `scope` with these contents; where one content is stored under two xet hashes, the older."""
    found: dict[Sha256, FileRow] = {}
    for some in batches(digests):
        for row in conn.execute(_scoped(scope).where(files.c.sha256.in_(some))):
            found.setdefault(Sha256(row.sha256), _row(row))
    return found


def find_by_xet(conn: Connection, scope: Scope, hashes: Sequence[XetHash]) -> dict[XetHash, FileRow]:
    """Return the files of `scope` with these file hashes."""
    found: dict[XetHash, FileRow] = {}
    for some in batches(hashes):
        found |= {XetHash(row.xet): _row(row) for row in conn.execute(_scoped(scope).where(files.c.xet.in_(some)))}
    return found


def get_by_xet(conn: Connection, hashes: Sequence[XetHash], *, keep: bool = False) -> dict[XetHash, FileRow]:
    """Return the files with these hashes, whoever holds them, erased ones included.

    keep: nobody can erase them until the transaction ends.
    """
    found: dict[XetHash, FileRow] = {}
    for some in batches(hashes):
        query = select(*_COLUMNS).where(files.c.xet.in_(some)).order_by(files.c.id)
        rows = conn.execute(query.with_for_update(read=True, key_share=True) if keep else query)
        found |= {XetHash(row.xet): _row(row) for row in rows}
    return found


def get_by_sha256(conn: Connection, digests: Sequence[Sha256]) -> dict[Sha256, FileRow]:
    """Return the files with these contents, whoever holds them, erased ones included; the oldest where there are two."""
    found: dict[Sha256, FileRow] = {}
    for some in batches(digests):
        for row in conn.execute(select(*_COLUMNS).where(files.c.sha256.in_(some)).order_by(files.c.id)):
            found.setdefault(Sha256(row.sha256), _row(row))
    return found


def insert_files(conn: Connection, new: Sequence[NewFile], now: int) -> dict[XetHash, FileRow]:
    """Record files that are not known yet and return the rows of all of them, kept from being erased until the transaction ends.

    A file that was stored whole, or erased, and comes again with terms is from now on read through these. The caller looks
    afterwards whether the files' objects are all there: garbage collection may have been faster.
    """
    rows = [_values(file) | {"created_at": now, "erased": False} for file in new]
    insert_new(conn, files, rows)
    found = get_by_xet(conn, [file.xet for file in new], keep=True)
    for file in new:
        row = found[file.xet]
        if row.erased or (row.terms is None and file.terms is not None):
            conn.execute(update(files).where(files.c.id == row.id).values(**_values(file), erased=False))
            found[file.xet] = FileRow(row.id, file.xet, file.sha256, file.size, file.terms, file.chunks)
    return found


def _values(file: NewFile) -> dict[str, str | int | bytes | None]:
    return {"xet": file.xet, "sha256": file.sha256, "size": file.size, "terms": file.terms, "chunks": file.chunks}


def link_files(conn: Connection, repo_id: int, file_ids: Iterable[int], account_id: int | None, now: int) -> None:
    """Let repository `repo_id` name these files: new ones and retired ones become staged, live ones stay live.

    What the same account staged before counts as sent now.
    """
    ids = sorted(set(file_ids))
    values = {"repo_id": repo_id, "state": "staged", "account_id": account_id, "added_at": now}
    insert_new(conn, repo_files, [values | {"file_id": one} for one in ids])
    for some in batches(ids):
        older = and_(repo_files.c.state == "staged", repo_files.c.account_id == account_id, repo_files.c.added_at < now)
        sent = or_(repo_files.c.state == "retired", older)
        again = and_(repo_files.c.repo_id == repo_id, repo_files.c.file_id.in_(some), sent)
        conn.execute(update(repo_files).where(again).values(state="staged", account_id=account_id, added_at=now))


def set_file_state(conn: Connection, repo_id: int, file_ids: Iterable[int], state: str) -> None:
    """Set the state of files in a repository that holds them: `staged`, `live` or `retired`."""
    for some in batches(sorted(set(file_ids))):
        held = and_(repo_files.c.repo_id == repo_id, repo_files.c.file_id.in_(some))
        conn.execute(update(repo_files).where(held).values(state=state))


def file_states(conn: Connection, repo_id: int, file_ids: Sequence[int]) -> dict[int, str]:
    """Return file id -> state for those of `file_ids` that the repository holds."""
    found: dict[int, str] = {}
    for some in batches(file_ids):
        held = and_(repo_files.c.repo_id == repo_id, repo_files.c.file_id.in_(some))
        found |= {row.file_id: row.state for row in conn.execute(select(repo_files.c.file_id, repo_files.c.state).where(held))}
    return found


def all_files(conn: Connection, after: int = 0, limit: int = 1000) -> list[FileRow]:
    """Return up to `limit` files with ids above `after`, in order of id: the pages of a full walk."""
    query = select(*_COLUMNS).where(files.c.id > after).order_by(files.c.id).limit(limit)
    return [_row(row) for row in conn.execute(query)]


def shard_accepted(conn: Connection, repo_id: int, digest: Sha256) -> bool:
    """Tell whether the shard with these bytes was accepted for the repository before."""
    query = select(shards.c.digest).where(shards.c.digest == digest, shards.c.repo_id == repo_id)
    return conn.execute(query).first() is not None


def insert_shard(conn: Connection, repo_id: int, digest: Sha256, now: int) -> None:
    """Record that a shard was accepted for the repository."""
    insert_new(conn, shards, [{"digest": digest, "repo_id": repo_id, "accepted_at": now}])
