"""What the committed log comes to, kept in memory by each process: the maps now, and under the newest snapshots.

`follow` takes in what was committed since, by whatever process, from the catalogue. The sequencer prepares a batch on the same
state (`prepare`) and hands the outcome over once it is committed (`accept`), so that nothing is worked out twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from hanse.db import leaves
from hanse.db.engine import Database
from hanse.errors import BadFormat, BlobNotFound, LeaseLost, StorageError
from hanse.flows.maps import Change, MapRoots, Maps
from hanse.model.digest import Sha256
from hanse.model.leaf import encode_leaf
from hanse.model.trust_leaf import SnapshotLeaf

KEPT = 512
"""Snapshots whose maps are kept at hand; older ones are worked out again from the log."""
_KEPT_OLD = 16
_PAGE = 4096


class _Kind(msgspec.Struct, frozen=True):
    kind: str
    refs: str = ""
    advisories: str = ""


_kind = msgspec.json.Decoder(_Kind).decode


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot leaf and the maps it commits to. index: of the leaf; leaf: its bytes."""

    index: int
    leaf: bytes
    maps: MapRoots


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that may become the log's next: its leaves, a snapshot at the end if one is due, and what they come to."""

    start: int
    leaves: tuple[bytes, ...]
    change: Change
    snapshot: bytes | None


class LogState:
    """The log replayed, up to `size` leaves. Safe for threads; one for each process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.RLock()
        self._old: OrderedDict[int, Snapshot] = OrderedDict()  # by the size that was asked for
        self._start()

    def _start(self) -> None:
        self._maps = Maps()
        self._size = 0
        self._said: tuple[bytes, bytes] = self._maps.now.roots
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict()  # the newest ones, without a gap

    @property
    def size(self) -> int:
        """Leaves taken in so far."""
        return self._size

    def follow(self, size: int) -> None:
        """Take in what the log has up to `size` leaves.

        Raises StorageError if the catalogue lacks a leaf, or a snapshot is not what the leaves before it make.
        """
        with self._lock:
            try:
                while self._size < size:
                    end = min(size, self._size + _PAGE)
                    self._take(self._read(end), recent=end > size - _PAGE)
            except BaseException:
                self._start()  # what was half taken in is no state of the log
                raise

    def _read(self, end: int) -> list[bytes]:
        with self._db.read() as conn:
            page = leaves.logged(conn, self._size, end)
        if len(page) != end - self._size:
            raise StorageError(f"the catalogue lacks leaf {self._size + len(page)} of the log", hint="run hanse admin rebuild")
        return page

    def prepare(self, start: int, entries: Sequence[bytes], now: int) -> Prepared:
        """Return the batch of `entries` after the first `start` leaves.

        It ends in a snapshot if it changes a map; also if something is attested, so that whoever shows that leaf under a
        checkpoint shows the newest snapshot beside it, and nothing that came after.

        Raises LeaseLost if the log has more leaves by now.
        """
        with self._lock:
            self.follow(start)
            if self._size != start:
                raise LeaseLost(f"the log has {self._size} leaves, not {start}: another process went on")
            change = self._maps.begin()
            change.add(entries)
            roots = change.result().roots
            due = roots != self._said or change.attests
            snapshot = _snapshot_leaf(roots, now) if due else None
            listed = (*entries, snapshot) if snapshot is not None else tuple(entries)
            return Prepared(start, listed, change, snapshot)

    def accept(self, batch: Prepared) -> None:
        """Take in a batch that was committed; nothing happens if `follow` saw it first."""
        with self._lock:
            if self._size != batch.start:
                return
            self._maps.apply(batch.change)
            self._size += len(batch.leaves)
            if batch.snapshot is not None:
                self._keep(Snapshot(self._size - 1, batch.snapshot, self._maps.now))

    def snapshot(self, size: int) -> Snapshot:
        """Return the newest snapshot among the first `size` leaves.

        One of long ago is worked out from the whole log before it, and kept. Raises BlobNotFound if there is none.
        """
        with self._lock:
            self.follow(size)
            older = [index for index in self._snapshots if index < size]
            if older:
                return self._snapshots[max(older)]
            if size in self._old:
                self._old.move_to_end(size)
                return self._old[size]
            fresh = LogState(self._db)
            fresh.follow(size)
            if not fresh._snapshots:
                raise BlobNotFound(f"the first {size} leaves of this log have no snapshot")
            self._old[size] = next(reversed(fresh._snapshots.values()))
            while len(self._old) > _KEPT_OLD:
                self._old.popitem(last=False)
            return self._old[size]

    def _take(self, page: Sequence[bytes], *, recent: bool) -> None:
        """Take in leaves; only in a recent part of the log the maps are worked out, checked and kept at each snapshot."""
        change = self._maps.begin()
        for at, data in enumerate(page, self._size):
            found = _read_kind(data)
            if found.kind != "snapshot":
                change.add((data,))
                continue
            self._said = (bytes.fromhex(found.refs), bytes.fromhex(found.advisories))
            if not recent:
                continue
            self._maps.apply(change)
            change = self._maps.begin()
            if self._said != self._maps.now.roots:
                raise StorageError(
                    f"the snapshot at leaf {at} is not what the leaves before it make", hint="run hanse admin fsck"
                )
            self._keep(Snapshot(at, data, self._maps.now))
        self._maps.apply(change)
        self._size += len(page)

    def _keep(self, snapshot: Snapshot) -> None:
        self._said = snapshot.maps.roots
        self._snapshots[snapshot.index] = snapshot
        while len(self._snapshots) > KEPT:
            self._snapshots.popitem(last=False)


def _read_kind(data: bytes) -> _Kind:
    try:
        return _kind(data)
    except msgspec.DecodeError as error:
        raise BadFormat(f"a leaf of the log does not parse: {error}") from error


def _snapshot_leaf(roots: tuple[bytes, bytes], now: int) -> bytes:
    refs, advisories = roots
    return encode_leaf(SnapshotLeaf(now, Sha256(refs.hex()), Sha256(advisories.hex())))
