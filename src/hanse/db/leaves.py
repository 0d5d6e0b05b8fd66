"""The journal in the catalogue: leaves waiting for the sequencer, the head of the log, and the sequencer's lease.

The order of leaves in the log is the order in which the sequencer sees committed rows. Within one repository that is the
order of allocation, because allocating locks the repository's row (`hanse.db.repos.lock`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from hanse.db.schema import leases, log_head, pending
from hanse.errors import LeaseLost
from hanse.model.digest import Sha256

SEQUENCER = "sequencer"


@dataclass(frozen=True, slots=True)
class PendingLeaf:
    """A leaf of the journal and what applying it changes.

    repo_id: None if the leaf is about the whole log (its keys, a snapshot); leaf: canonical bytes; rev and tree: in clear,
    whatever the leaf shows; effect: JSON of `hanse.flows.effects`; index: position in the log once sequenced.
    """

    id: int
    repo_id: int | None
    kind: str
    ref: str | None
    seq: int | None
    rev: str | None
    tree: str | None
    leaf: bytes
    leaf_hash: Sha256
    effect: str
    created_at: int
    index: int | None


@dataclass(frozen=True, slots=True)
class LogHead:
    """The committed position of the log; staged: SHA-256 of a batch whose objects may not all be in the store yet."""

    size: int
    root: Sha256
    frontier: bytes
    fence: int
    staged: Sha256 | None


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may write the log: fence grows with every change of holder; expires_at: milliseconds since 1970."""

    holder: str
    fence: int
    expires_at: int


# In the order of PendingLeaf's fields. A row's own `index` is the method of tuples, hence another name.
_COLUMNS = (*(column for column in pending.c if column.name != "index"), pending.c.index.label("position"))


def _leaf(row: Row[*tuple[Any, ...]]) -> PendingLeaf:
    return PendingLeaf(*row)


def append(conn: Connection, row: dict[str, object]) -> int:
    """Queue a leaf and return its row id; `row` has all columns but `id`, and `index` only if it is in the log already."""
    inserted: int = conn.execute(insert(pending).values(row).returning(pending.c.id)).scalar_one()
    return inserted


# Made once: a node asks these many times a second, and making a statement costs more than running it.
_WAITING = select(*_COLUMNS).where(pending.c.index.is_(None)).order_by(pending.c.id).limit(bindparam("most"))
_OUTSTANDING = select(
    exists(select(pending.c.id).where(pending.c.index.is_(None))),
    exists(select(log_head.c.id).where(log_head.c.staged.is_not(None))),
)


def waiting(conn: Connection, limit: int) -> list[PendingLeaf]:
    """Return leaves that are not in the log yet, in order of id."""
    return [PendingLeaf(*row) for row in conn.execute(_WAITING, {"most": limit}).all()]


def outstanding(conn: Connection) -> tuple[bool, bool]:
    """Tell whether any leaf waits for the sequencer, and whether a batch was committed and is not finished yet."""
    waits, staged = conn.execute(_OUTSTANDING).one()
    return bool(waits), bool(staged)


def waiting_of(conn: Connection, repo: int) -> list[PendingLeaf]:
    """Return the leaves of one repository that are not in the log yet, in order of id."""
    # The sum keeps the planner from walking a long history of one repository instead of the few leaves that wait.
    query = select(*_COLUMNS).where(pending.c.index.is_(None), pending.c.repo_id + 0 == repo).order_by(pending.c.id)
    return [_leaf(row) for row in conn.execute(query)]


def get(conn: Connection, leaf_id: int) -> PendingLeaf | None:
    """Return a leaf by row id."""
    row = conn.execute(select(*_COLUMNS).where(pending.c.id == leaf_id)).one_or_none()
    return None if row is None else _leaf(row)


def by_hash(conn: Connection, repo: int, ref: str, leaf_hash: str) -> PendingLeaf | None:
    """Return the leaf with this hash in the chains of a ref."""
    here = (pending.c.repo_id == repo) & (pending.c.ref == ref) & (pending.c.leaf_hash == leaf_hash)
    row = conn.execute(select(*_COLUMNS).where(here).order_by(pending.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _leaf(row)


def index_of(conn: Connection, leaf_id: int) -> int | None:
    """Return the log index of a leaf by row id, or None while it waits."""
    index: int | None = conn.execute(select(pending.c.index).where(pending.c.id == leaf_id)).scalar_one_or_none()
    return index


def sequenced(conn: Connection, start: int, limit: int) -> list[PendingLeaf]:
    """Return leaves of the log from index `start` on, in order of index."""
    query = select(*_COLUMNS).where(pending.c.index >= start).order_by(pending.c.index).limit(limit)
    return [_leaf(row) for row in conn.execute(query)]


def effects_of(conn: Connection, repo: int) -> list[str]:
    """Return the effects of all leaves of a repository, in order of id."""
    query = select(pending.c.effect).where(pending.c.repo_id == repo).order_by(pending.c.id)
    return [row.effect for row in conn.execute(query)]


def newest_change(conn: Connection, repo: int) -> Sha256:
    """Return the hash of the newest leaf about a repository as a whole; it has one since its creation."""
    query = select(pending.c.leaf_hash).where(pending.c.repo_id == repo, pending.c.kind == "repo")
    return Sha256(conn.execute(query.order_by(pending.c.id.desc()).limit(1)).scalar_one())


def newest_said(conn: Connection, repo: int, kind: str) -> tuple[int, bytes] | None:
    """Return (number, leaf) of the newest leaf of a kind about a repository, queued or logged; None if there is none."""
    query = select(pending.c.id, pending.c.leaf).where(pending.c.repo_id == repo, pending.c.kind == kind)
    row = conn.execute(query.order_by(pending.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else (row.id, bytes(row.leaf))


_RUN = update(pending).where(pending.c.id >= bindparam("first"), pending.c.id <= bindparam("last"), pending.c.index.is_(None))
_RUN = _RUN.values(index=pending.c.id + bindparam("shift"))


def set_indexes(conn: Connection, ids: Sequence[int], start: int) -> None:
    """Record that the leaves with these row ids, ascending, have the log indexes from `start` on.

    Raises LeaseLost if one of them had one already.
    """
    done = 0
    for first, last, at in _runs(ids):
        run = conn.execute(_RUN, {"first": first, "last": last, "shift": start + at - first})
        done += run.rowcount
    if done != len(ids):
        raise LeaseLost(f"{len(ids) - done} leaves of this batch are in the log already")


def _runs(ids: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield (first, last, place of the first among `ids`) of every run of consecutive numbers."""
    begin = 0
    for at in range(1, len(ids) + 1):
        if at == len(ids) or ids[at] != ids[at - 1] + 1:
            yield ids[begin], ids[at - 1], begin
            begin = at


_RAW = select(pending.c.index, pending.c.leaf).where(pending.c.index >= bindparam("start"), pending.c.index < bindparam("end"))
_RAW = _RAW.order_by(pending.c.index)


def logged(conn: Connection, start: int, end: int) -> list[bytes]:
    """Return the bytes of the leaves of the log from index `start` to before `end`; fewer where the catalogue lacks some."""
    return [bytes(row.leaf) for at, row in enumerate(conn.execute(_RAW, {"start": start, "end": end}), start) if row[0] == at]


def head(conn: Connection) -> LogHead | None:
    """Return the committed head of the log; None before the first start."""
    row = conn.execute(select(log_head).where(log_head.c.id == 1)).one_or_none()
    if row is None:
        return None
    staged = None if row.staged is None else Sha256(row.staged)
    return LogHead(row.size, Sha256(row.root), bytes(row.frontier), row.fence, staged)


def create_head(conn: Connection, new: LogHead) -> None:
    """Insert the head if there is none yet."""
    if head(conn) is None:
        values = {"size": new.size, "root": new.root, "frontier": new.frontier, "fence": new.fence, "staged": new.staged}
        try:
            with conn.begin_nested():
                conn.execute(insert(log_head).values(id=1, **values))
        except IntegrityError:  # another process inserted it just now
            return


def swap_head(conn: Connection, old_size: int, new: LogHead) -> None:
    """Move the head from `old_size` to `new`; raises LeaseLost unless it was there, applied, and no newer fence wrote."""
    values = {"size": new.size, "root": new.root, "frontier": new.frontier, "fence": new.fence, "staged": new.staged}
    there = (log_head.c.size == old_size) & (log_head.c.fence <= new.fence) & log_head.c.staged.is_(None)
    done = conn.execute(update(log_head).where(log_head.c.id == 1, there).values(values))
    if done.rowcount != 1:
        raise LeaseLost(f"the log's head is no longer at size {old_size} under fence {new.fence}")


def clear_staged(conn: Connection, digest: Sha256) -> None:
    """Record that all objects of the staged batch are in the store."""
    conn.execute(update(log_head).where(log_head.c.id == 1, log_head.c.staged == digest).values(staged=None))


def lease(conn: Connection, name: str = SEQUENCER) -> Lease | None:
    """Return the lease, and keep others from changing it until the transaction ends (PostgreSQL: row lock)."""
    row = conn.execute(select(leases).where(leases.c.name == name).with_for_update()).one_or_none()
    return None if row is None else Lease(row.holder, row.fence, row.expires_at)


def peek_lease(conn: Connection, name: str = SEQUENCER) -> Lease | None:
    """Return the lease as it stands, without holding others off."""
    row = conn.execute(select(leases).where(leases.c.name == name)).one_or_none()
    return None if row is None else Lease(row.holder, row.fence, row.expires_at)


def take_lease(conn: Connection, holder: str, now: int, duration: int, name: str = SEQUENCER) -> Lease | None:
    """Take or renew the lease; None while another holder's is not over. Times in milliseconds."""
    present = lease(conn, name)
    if present is None:
        new = Lease(holder, 1, now + duration)
        try:
            with conn.begin_nested():
                conn.execute(insert(leases).values(name=name, holder=holder, fence=new.fence, expires_at=new.expires_at))
        except IntegrityError:  # another process was first
            return None
        return new
    if present.holder != holder and present.expires_at > now:
        return None
    fence = present.fence + (present.holder != holder)
    new = Lease(holder, fence, now + duration)
    values = {"holder": holder, "fence": new.fence, "expires_at": new.expires_at}
    conn.execute(update(leases).where(leases.c.name == name).values(values))
    return new


def release_lease(conn: Connection, holder: str, name: str = SEQUENCER) -> None:
    """Let the lease end now if `holder` has it."""
    conn.execute(update(leases).where(leases.c.name == name, leases.c.holder == holder).values(expires_at=0))


def check_lease(conn: Connection, holder: str, fence: int, name: str = SEQUENCER) -> None:
    """Raise LeaseLost unless `holder` has the lease under `fence`; it cannot change until the transaction ends."""
    present = lease(conn, name)
    if present is None or present.holder != holder or present.fence != fence:
        raise LeaseLost(f"the sequencer lease of fence {fence} was taken over")


def extend_lease(conn: Connection, expires_at: int, name: str = SEQUENCER) -> None:
    """Let the lease, which the caller has checked to be his, end later."""
    conn.execute(update(leases).where(leases.c.name == name).values(expires_at=expires_at))


def log_size(conn: Connection) -> int:
    """Return how many leaves have a log index."""
    return conn.execute(select(func.count()).select_from(pending).where(pending.c.index.is_not(None))).scalar_one()
