"""The journal's files: how a batch of leaves becomes part of the log, whatever crashes in between.

1. The batch ends in a snapshot leaf if it changes a map. Its tiles are computed, and all its objects are staged as one
   object named by its digest.
2. One transaction checks the lease, moves the log's head (compare-and-swap: the commit point), gives the leaves their
   indexes, applies their effects and records the staged digest.
3. The tiles and bundles are put, then `log/head/<size>`; the staged digest is cleared.

A crash before 2 leaves garbage; a crash after 2 leaves a recorded digest, and whoever holds the lease next does 3 again from
the staged object (all puts are put-if-absent of the same bytes). Partial tiles, older heads and staged objects that the head
has moved past are deleted later: a partial tile is a prefix of the wider one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import msgspec
from sqlalchemy import select

from hanse.db import leaves
from hanse.db.engine import Database
from hanse.db.leaves import LogHead, PendingLeaf
from hanse.db.schema import node_state
from hanse.errors import BadFormat, BadProof, BlobNotFound
from hanse.flows import effects
from hanse.flows.logfiles import LogFiles, Staged
from hanse.flows.loghistory import LogHistory
from hanse.flows.logstate import LogState
from hanse.model.digest import Sha256
from hanse.model.leaf import leaf_id
from hanse.store.base import BlobStore
from hanse.store.keys import LOG, LOG_STAGED, ObjectKey, log_key, log_staged_key
from hanse.tlog.hashing import EMPTY_ROOT, Frontier
from hanse.tlog.tiles import WIDTH, Growth, TileName, check_edge, edge_names, grow, parse_bundle, parse_tile_path

MAX_BATCH = 255
"""Waiting leaves in one batch, which may end in a snapshot: at most one new full bundle and 256 times 2 KiB staged."""
_WRITERS = 4  # each waits for the disk most of the time
_FSCK = "run hanse admin fsck"
_REBUILD = "run hanse admin rebuild, or restore the catalogue that belongs to these objects"


class StoredHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The object `log/head/<size>`: the log had `size` leaves and this root (hex).

    bundle: SHA-256 of the rightmost entry bundle of that size.
    """

    bundle: str
    origin: str
    root: str
    size: int


def head_key(size: int) -> ObjectKey:
    """Return the key of the object that says that the log has `size` leaves."""
    return log_key(f"head/{size:020d}")


def read_head(store: BlobStore, size: int) -> StoredHead:
    """Return the stored head of `size`; raises BlobNotFound, or BadFormat if it does not parse."""
    try:
        head = msgspec.json.decode(store.get(head_key(size)), type=StoredHead)
    except msgspec.DecodeError as error:
        raise BadFormat(f"the stored journal head of size {size} does not parse: {error}", hint=_FSCK) from error
    if head.size != size:
        raise BadFormat(f"the stored journal head of size {size} says that it is of size {head.size}", hint=_FSCK)
    return head


def stored_sizes(store: BlobStore) -> list[int]:
    """Return the log sizes for which a head is stored, ascending."""
    return sorted(int(key.rpartition("/")[2]) for key in store.list(f"{LOG}head/"))


def read_log(store: BlobStore, size: int) -> list[bytes]:
    """Return the first `size` leaves of the stored log; raises BlobNotFound or BadFormat if a bundle is missing or damaged."""
    entries: list[bytes] = []
    for start in range(0, size, WIDTH):
        width = min(WIDTH, size - start)
        entries += parse_bundle(store.get(log_key(TileName(None, start // WIDTH, width).path)), width)
    return entries


def complete_staged(store: BlobStore) -> None:
    """Put a staged batch in place that follows the stored log, when no catalogue tells any more whether it was committed.

    It was not acknowledged, but readers may have seen it. If there are several, none is put: at most one was committed, and
    nothing tells which.
    """
    size = max(stored_sizes(store), default=0)
    staged = [msgspec.msgpack.decode(store.get(key), type=Staged) for key in store.list(LOG_STAGED)]
    following = [batch for batch in staged if batch.start == size]
    if len(following) == 1:
        put_objects(store, following[0])


def put_objects(store: BlobStore, staged: Staged) -> None:
    """Put all objects of a batch, the head last; raises BadProof if one is there with other bytes."""
    *tiles, head = staged.objects
    for _ in _pool().map(lambda item: _put(store, *item), tiles):
        pass
    _put(store, *head)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """Return the threads that put objects: made once, as starting them costs as much as a small batch."""
    return ThreadPoolExecutor(_WRITERS, thread_name_prefix="journal")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of the threads


def _put(store: BlobStore, key: str, data: bytes) -> None:
    if not store.put(ObjectKey(key), data) and store.get(ObjectKey(key)) != data:
        raise BadProof(f"{key} in the object store belongs to another journal", hint=_REBUILD)


def sweep(db: Database, store: BlobStore) -> int:
    """Delete journal objects that the committed log has left behind; return their number.

    Only what an older position needed goes: narrower partial tiles, smaller heads, staged batches that can no longer become
    part of the log. That stays true whatever is appended meanwhile.
    """
    with db.read() as conn:
        head = leaves.head(conn)
    if head is None or head.staged is not None:
        return 0
    gone = [head_key(size) for size in stored_sizes(store) if size < head.size]
    for key in store.list(f"{LOG}tile/"):
        name = parse_tile_path(key.removeprefix(LOG))
        reached = head.size >> (8 * (name.level or 0))
        if name.width < WIDTH and name.index * WIDTH + name.width < reached:
            gone.append(key)
    for key in store.list(LOG_STAGED):
        with suppress(BlobNotFound):  # the log's writer has put it in place since
            if msgspec.msgpack.decode(store.get(key), type=Staged).size <= head.size:
                gone.append(key)
    for key in gone:
        store.delete(key)
    return len(gone)


class Times(NamedTuple):
    """now: time of a snapshot, in seconds; lease: until when the lease is renewed on the way, in milliseconds."""

    now: int
    lease: int


class Journal:
    """The log as its one writer sees it. Not safe for threads; `Sequencer` owns the only one of a process."""

    def __init__(self, db: Database, store: BlobStore, state: LogState | None = None) -> None:
        self._db = db
        self._store = store
        self._state = state or LogState(db)
        self._history = LogHistory(db, LogFiles(db, store))
        self._size = 0
        self._edge: dict[str, bytes] = {}
        self._garbage: list[ObjectKey] = []
        self._origin = ""

    @property
    def size(self) -> int:
        """Leaves in the log as of the last `load` or `commit`."""
        return self._size

    def load(self, fence: int) -> None:
        """Read where the log stands, first completing a batch that was committed but not put in place.

        Raises IntegrityError if catalogue and objects do not belong together, or others cosigned another log than this.
        """
        head = self._head(fence)
        newer = [size for size in stored_sizes(self._store) if size > head.size]
        if newer:
            raise BadProof(f"the journal has {newer[-1]} leaves in the object store, {head.size} in the catalogue", hint=_REBUILD)
        if head.staged is not None:
            staged = self._read_staged(head.staged)
            put_objects(self._store, staged)
            self.finish(head.staged, staged)
        self._edge = {name.path: self._store.get(log_key(name.path)) for name in edge_names(head.size)}
        check_edge(head.size, bytes.fromhex(head.root), self._edge)
        self._history.require(self._origin, head.size)
        self._state.follow(head.size)
        self._size = head.size

    def _head(self, fence: int) -> LogHead:
        with self._db.read() as conn:
            head = leaves.head(conn)
            origin = conn.execute(select(node_state.c.value).where(node_state.c.key == "origin")).scalar_one_or_none()
        self._origin = origin or ""
        if head is not None:
            return head
        empty = LogHead(0, Sha256(EMPTY_ROOT.hex()), Frontier().encode(), fence, None)
        with self._db.write() as conn:
            leaves.create_head(conn, empty)
        return self._head(fence)

    def commit(self, rows: Sequence[PendingLeaf], holder: str, fence: int, times: Times) -> tuple[Sha256, Staged]:
        """Append leaves to the log (steps 1 and 2, and the putting of 3) and return what `finish` needs.

        Raises LeaseLost if another holder took over; RolledBack or Equivocation if the log is not the one that others cosigned.
        """
        self._history.require(self._origin, self._size)
        batch = self._state.prepare(self._size, [row.leaf for row in rows], times.now)
        growth = grow(self._size, self._edge, batch.leaves)
        staged = self._staged(growth)
        data = msgspec.msgpack.encode(staged)
        digest = Sha256(sha256(data).hexdigest())
        self._store.put(log_staged_key(digest), data)
        new = LogHead(growth.new_size, Sha256(growth.root.hex()), growth.frontier.encode(), fence, digest)
        with self._db.write() as conn:
            leaves.check_lease(conn, holder, fence)
            leaves.extend_lease(conn, times.lease)
            leaves.swap_head(conn, self._size, new)
            leaves.set_indexes(conn, [row.id for row in rows], self._size)
            if batch.snapshot is not None:
                leaves.append(conn, _snapshot_row(batch.snapshot, growth.new_size - 1, times.now))
            effects.apply_all(conn, rows)
        self._state.accept(batch)
        put_objects(self._store, staged)
        self._size, self._edge = growth.new_size, dict(growth.edge)
        return digest, staged

    def _staged(self, growth: Growth) -> Staged:
        bundle = [data for path, data in growth.objects if path.startswith("tile/entries/")][-1]
        head = StoredHead(sha256(bundle).hexdigest(), self._origin, growth.root.hex(), growth.new_size)
        objects = [(log_key(path), data) for path, data in growth.objects]
        objects.append((head_key(growth.new_size), msgspec.json.encode(head)))
        return Staged(self._size, growth.new_size, growth.root, tuple((str(key), data) for key, data in objects))

    def finish(self, digest: Sha256, staged: Staged) -> None:
        """Record that the batch's objects are in place."""
        with self._db.write() as conn:
            leaves.clear_staged(conn, digest)
        self._garbage.append(log_staged_key(digest))
        if staged.start:
            kept = {name.path for name in edge_names(staged.size)}
            self._garbage += [log_key(name.path) for name in edge_names(staged.start) if name.path not in kept]
            self._garbage.append(head_key(staged.start))

    def prune(self) -> None:
        """Delete what the batches of this process have made superfluous."""
        while self._garbage:
            self._store.delete(self._garbage[-1])
            self._garbage.pop()

    def _read_staged(self, digest: Sha256) -> Staged:
        data = self._store.get(log_staged_key(digest))
        if sha256(data).hexdigest() != digest:
            raise BadProof(f"the staged journal batch {digest} is damaged", hint=_FSCK)
        return msgspec.msgpack.decode(data, type=Staged)


def _snapshot_row(leaf: bytes, index: int, now: int) -> dict[str, object]:
    row: dict[str, object] = {"repo_id": None, "kind": "snapshot", "leaf": leaf, "leaf_hash": leaf_id(leaf), "index": index}
    return row | {"effect": effects.NONE, "created_at": now}
