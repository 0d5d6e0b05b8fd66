"""Leaves that are in the log, asked for by what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, select

from hanse.db import leaves
from hanse.db.batch import batches
from hanse.db.leaves import PendingLeaf
from hanse.db.schema import ADVISORIES, KEYS, pending, refs
from hanse.model.digest import GitOid
from hanse.model.repo import RefName

_INDEX = pending.c.index
_THERE = _INDEX.is_not(None)


def first_logged(conn: Connection, repo: int, revs: Sequence[str]) -> dict[GitOid, int]:
    """Return for each revision the log index of the first leaf that names it; those that no leaf names are left out."""
    found: dict[GitOid, int] = {}
    for some in batches(revs):
        mine = (pending.c.repo_id == repo, pending.c.kind == "ref", pending.c.rev.in_(some), pending.c.index.is_not(None))
        query = select(pending.c.rev, func.min(pending.c.index).label("first")).where(*mine).group_by(pending.c.rev)
        found |= {GitOid(row.rev): row.first for row in conn.execute(query)}
    return found


def positions(conn: Connection, repo: int, ref: str, limit: int) -> list[tuple[int, GitOid]]:
    """Return the newest logged positions of a ref, newest first: (seq, commit id), back to the beginning of its chain."""
    mine = (pending.c.repo_id == repo, pending.c.ref == ref, pending.c.kind == "ref", pending.c.index.is_not(None))
    query = select(pending.c.seq, pending.c.rev).where(*mine, pending.c.rev.is_not(None)).order_by(pending.c.index.desc())
    found: list[tuple[int, GitOid]] = []
    for row in conn.execute(query.limit(limit)):
        found.append((row.seq, GitOid(row.rev)))
        if row.seq == 1:
            break
    return found


def newest_leaf(conn: Connection, repo: int, rev: str, ref: str | None = None) -> PendingLeaf | None:
    """Return the newest logged leaf that sets a ref (any, if None) of a repository to a revision."""
    query = select(pending.c.id).where(pending.c.repo_id == repo, pending.c.kind == "ref", pending.c.rev == rev, _THERE)
    if ref is not None:
        query = query.where(pending.c.ref == ref)
    return _first(conn, conn.execute(query.order_by(_INDEX.desc()).limit(1)).scalars())


def positions_of(conn: Connection, repo: int, rev: str, limit: int) -> list[tuple[str, int]]:
    """Return the newest logged positions, as (ref, seq), that a revision of a repository has or had, newest first."""
    query = select(pending.c.ref, pending.c.seq).where(
        pending.c.repo_id == repo, pending.c.kind == "ref", pending.c.rev == rev, _THERE
    )
    return [(row.ref, row.seq) for row in conn.execute(query.order_by(_INDEX.desc()).limit(limit))]


def refs_at(conn: Connection, repo: int, rev: str) -> list[tuple[RefName, int]]:
    """Return the refs that point at a revision, with their positions, by name."""
    query = select(refs.c.ref, refs.c.seq).where(refs.c.repo_id == repo, refs.c.rev == rev).order_by(refs.c.ref)
    return [(RefName(row.ref), row.seq) for row in conn.execute(query)]


def leaves_before(conn: Connection, repo: int, ref: str, before: int, limit: int) -> list[PendingLeaf]:
    """Return the newest leaves of a ref with log indexes below `before`, newest first."""
    query = select(pending.c.id).where(pending.c.repo_id == repo, pending.c.ref == ref, pending.c.kind == "ref", before > _INDEX)
    ids = conn.execute(query.order_by(_INDEX.desc()).limit(limit)).scalars()
    return [row for one in ids if (row := leaves.get(conn, one)) is not None]


def key_leaves(conn: Connection) -> list[PendingLeaf]:
    """Return the logged leaves about keys, in their order."""
    ids = conn.execute(select(pending.c.id).where(KEYS, _THERE).order_by(_INDEX)).scalars()
    return [row for one in ids if (row := leaves.get(conn, one)) is not None]


def member_leaves(conn: Connection, limit: int) -> list[PendingLeaf]:
    """Return the newest logged leaves about versions of federations' lists, newest first."""
    query = select(pending.c.id).where(pending.c.kind == "member", _THERE).order_by(_INDEX.desc())
    return [row for one in conn.execute(query.limit(limit)).scalars() if (row := leaves.get(conn, one)) is not None]


def advisory_leaves(conn: Connection) -> list[PendingLeaf]:
    """Return this node's leaves about advisories in their order, those that wait for the log last."""
    ids = list(conn.execute(select(pending.c.id).where(ADVISORIES).order_by(_INDEX.is_(None), _INDEX, pending.c.id)).scalars())
    return [row for one in ids if (row := leaves.get(conn, one)) is not None]


def newest_advisory(conn: Connection) -> int:
    """Return a number that changes whenever a leaf about an advisory is queued or logged here, 0 while there is none."""
    newest, there = conn.execute(select(func.max(pending.c.id), func.count(_INDEX)).where(ADVISORIES)).one()
    return 0 if newest is None else int(newest) * 2 + int(there)


def _first(conn: Connection, ids: Iterable[int]) -> PendingLeaf | None:
    return next((leaves.get(conn, one) for one in ids), None)
