"""Xorbs, who may refer to them, and the chunks by which they are found again. Scopes are those of `hanse.db.blobs`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, or_, select, update

from hanse.db.batch import batches, insert_new
from hanse.db.blobs import Scope, in_scope
from hanse.db.schema import chunks, repo_xorbs, xorbs
from hanse.model.digest import XetHash

_COLUMNS = (xorbs.c.id, xorbs.c.hash, xorbs.c.stored_size, xorbs.c.raw_size, xorbs.c.chunks, xorbs.c.advertised_day)


@dataclass(frozen=True, slots=True)
class XorbRow:
    """A stored xorb. Sizes in bytes; advertised_day: days since 1970 of the last answer that named it."""

    id: int
    hash: XetHash
    stored_size: int
    raw_size: int
    chunks: int
    advertised_day: int | None = None


@dataclass(frozen=True, slots=True)
class NewXorb:
    """A xorb to be recorded; fields as in XorbRow."""

    hash: XetHash
    stored_size: int
    raw_size: int
    chunks: int


def _row(row: Row[*tuple[Any, ...]]) -> XorbRow:
    return XorbRow(row.id, XetHash(row.hash), row.stored_size, row.raw_size, row.chunks, row.advertised_day)


def _usable(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that some repository of `scope` may refer to the xorb."""
    held = and_(repo_xorbs.c.xorb_id == xorbs.c.id, in_scope(scope, repo_xorbs.c.repo_id))
    return exists(select(repo_xorbs.c.xorb_id).where(held))


def find_xorbs(conn: Connection, scope: Scope, hashes: Sequence[XetHash]) -> dict[XetHash, XorbRow]:
    """Return those of the named xorbs that `scope` may refer to."""
    found: dict[XetHash, XorbRow] = {}
    for some in batches(hashes):
        rows = conn.execute(select(*_COLUMNS).where(xorbs.c.hash.in_(some), _usable(scope)))
        found |= {XetHash(row.hash): _row(row) for row in rows}
    return found


def get_xorbs(conn: Connection, hashes: Sequence[XetHash], *, keep: bool = False) -> dict[XetHash, XorbRow]:
    """Return the named xorbs, whoever may refer to them; keep: nobody can remove them until the transaction ends."""
    found: dict[XetHash, XorbRow] = {}
    for some in batches(hashes):
        query = select(*_COLUMNS).where(xorbs.c.hash.in_(some)).order_by(xorbs.c.id)
        rows = conn.execute(query.with_for_update(read=True, key_share=True) if keep else query)
        found |= {XetHash(row.hash): _row(row) for row in rows}
    return found


def recent_xorbs(conn: Connection, repo_id: int, limit: int) -> list[XorbRow]:
    """Return the newest xorbs that the repository may refer to, newest first."""
    held = select(*_COLUMNS).join(repo_xorbs, repo_xorbs.c.xorb_id == xorbs.c.id).where(repo_xorbs.c.repo_id == repo_id)
    return [_row(row) for row in conn.execute(held.order_by(xorbs.c.id.desc()).limit(limit))]


def insert_xorbs(conn: Connection, new: Sequence[NewXorb], now: int) -> dict[XetHash, XorbRow]:
    """Record xorbs that are not known yet and return the rows of all of them, kept from removal until the transaction ends."""
    values = [
        {"hash": one.hash, "stored_size": one.stored_size, "raw_size": one.raw_size, "chunks": one.chunks, "created_at": now}
        for one in new
    ]
    insert_new(conn, xorbs, values)
    return get_xorbs(conn, [one.hash for one in new], keep=True)


def link_xorbs(conn: Connection, repo_id: int, xorb_ids: Iterable[int]) -> None:
    """Let writers of the repository refer to these xorbs."""
    insert_new(conn, repo_xorbs, [{"repo_id": repo_id, "xorb_id": one} for one in sorted(set(xorb_ids))])


def advertise(conn: Connection, xorb_ids: Sequence[int], day: int) -> None:
    """Record that an answer of `day` (days since 1970) named these xorbs; never moves back."""
    for some in batches(sorted(set(xorb_ids))):
        older = or_(xorbs.c.advertised_day.is_(None), xorbs.c.advertised_day < day)
        conn.execute(update(xorbs).where(xorbs.c.id.in_(some), older).values(advertised_day=day))


def insert_chunks(conn: Connection, pairs: Iterable[tuple[bytes, int]]) -> None:
    """Make chunks findable: (32-byte hash, xorb id)."""
    insert_new(conn, chunks, [{"hash": value, "xorb_id": xorb_id} for value, xorb_id in sorted(set(pairs))])


def find_chunk(conn: Connection, scope: Scope, value: bytes, limit: int) -> list[XorbRow]:
    """Return the newest xorbs of `scope` that hold the chunk with this 32-byte hash, newest first."""
    query = select(*_COLUMNS).join(chunks, chunks.c.xorb_id == xorbs.c.id).where(chunks.c.hash == value, _usable(scope))
    return [_row(row) for row in conn.execute(query.order_by(xorbs.c.id.desc()).limit(limit))]


def neighbours(conn: Connection, scope: Scope, xorb_id: int, limit: int) -> list[XorbRow]:
    """Return xorbs of `scope` that came in from shortly before the given one on, and that share a repository with it."""
    holders = select(repo_xorbs.c.repo_id).where(repo_xorbs.c.xorb_id == xorb_id, in_scope(scope, repo_xorbs.c.repo_id))
    query = select(*_COLUMNS).join(repo_xorbs, repo_xorbs.c.xorb_id == xorbs.c.id).where(repo_xorbs.c.repo_id.in_(holders))
    near = query.where(xorbs.c.id >= xorb_id - limit // 4).order_by(xorbs.c.id).limit(limit).distinct()
    return [_row(row) for row in conn.execute(near)]


def all_xorbs(conn: Connection, after: int = 0, limit: int = 1000) -> list[XorbRow]:
    """Return up to `limit` xorbs with ids above `after`, in order of id: the pages of a full walk."""
    query = select(*_COLUMNS).where(xorbs.c.id > after).order_by(xorbs.c.id).limit(limit)
    return [_row(row) for row in conn.execute(query)]
