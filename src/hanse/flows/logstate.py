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
from hanse.db.state import get_fact
from hanse.errors import BadFormat, BlobNotFound, LeaseLost, StorageError
from hanse.flows.maps import Change, MapRoots, Maps
from hanse.model.digest import Sha256
from hanse.model.leaf import encode_leaf
from hanse.model.repo import Origin
from hanse.model.trust_leaf import SnapshotLeaf
from hanse.tlog.replay import Replay

KEPT = 512
"""Snapshots whose maps are kept at hand; older ones are worked out again from the log."""
KEPT_LEAVES = 16_384
"""Of those as many as the newest leaves have: each leaf that changes a map costs about 2 kB for as long as it is kept."""
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
    outcome: Change | Maps
    snapshot: bytes | None


class LogState:
    """The log replayed, up to `size` leaves. Safe for threads; one for each process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.RLock()
        self._old: OrderedDict[int, Snapshot] = OrderedDict()  # by the size that was asked for
        self._start()

    def _start(self) -> None:
        self._maps = Maps("")
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
            if not self._maps.origin:
                self._maps = Maps(self._origin())
            try:
                while self._size < size:
                    end = min(size, self._size + _PAGE)
                    self._take(self._read(self._size, end), recent=end > size - _PAGE)
            except BaseException:
                self._start()  # what was half taken in is no state of the log
                raise

    def _origin(self) -> str:
        with self._db.read() as conn:
            return get_fact(conn, "origin") or ""

    def _read(self, start: int, end: int) -> list[bytes]:
        with self._db.read() as conn:
            page = leaves.logged(conn, start, end)
        if len(page) != end - start:
            raise StorageError(f"the catalogue lacks leaf {start + len(page)} of the log", hint="run hanse admin rebuild")
        return page

    def _replayed(self, start: int, entries: Sequence[bytes]) -> Maps:
        """Return the maps after the first `start` leaves of the log and `entries`, by the full rules."""
        replay = Replay.start(Origin(self._maps.origin))
        for at in range(0, start, _PAGE):
            replay.append_own_unverified(self._read(at, min(start, at + _PAGE)))
        replay.append_own_unverified(entries)
        return Maps.of(replay)

    def prepare(self, start: int, entries: Sequence[bytes], now: int) -> Prepared:
        """Return the batch of `entries` after the first `start` leaves.

        It ends in a snapshot if it changes a map; also if something is attested, so that whoever shows that leaf under a
        checkpoint shows the newest snapshot beside it, and nothing that came after; and if a list of members is logged, so that
        of every member it can be shown what it warns of, though it published nothing.

        Raises LeaseLost if the log has more leaves by now.
        """
        with self._lock:
            self.follow(start)
            if self._size != start:
                raise LeaseLost(f"the log has {self._size} leaves, not {start}: another process went on")
            change = self._maps.begin()
            change.add(entries)
            outcome = self._replayed(start, entries) if change.takes_back else change
            roots = (outcome.now if isinstance(outcome, Maps) else outcome.result()).roots
            snapshot = _snapshot_leaf(roots, now) if roots != self._said or change.shown else None
            listed = (*entries, snapshot) if snapshot is not None else tuple(entries)
            return Prepared(start, listed, outcome, snapshot)

    def accept(self, batch: Prepared) -> None:
        """Take in a batch that was committed; nothing happens if `follow` saw it first."""
        with self._lock:
            if self._size != batch.start:
                return
            if isinstance(batch.outcome, Maps):
                self._maps = batch.outcome
            else:
                self._maps.apply(batch.outcome)
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
        """Take in leaves; of a part that is not recent only the last snapshot is worked out, checked and kept."""
        kinds = [_read_kind(data) for data in page]
        said = [at for at, found in enumerate(kinds) if found.kind == "snapshot"]
        wanted = set(said if recent else said[-1:])
        change = self._maps.begin()
        for at, (data, found) in enumerate(zip(page, kinds, strict=True)):
            if found.kind != "snapshot":
                change.add((data,))
                if change.takes_back:
                    self._maps = self._replayed(self._size, page[: at + 1])
                    change = self._maps.begin()
            elif at in wanted:
                self._maps.apply(change)
                change = self._maps.begin()
                if not recent:
                    self._snapshots.clear()
                self._check(self._size + at, data, found)
        self._maps.apply(change)
        self._size += len(page)

    def _check(self, index: int, data: bytes, said: _Kind) -> None:
        """Keep the snapshot leaf at `index`; raises StorageError unless it has the roots of the maps before it."""
        if (bytes.fromhex(said.refs), bytes.fromhex(said.advisories)) != self._maps.now.roots:
            raise StorageError(f"snapshot {index} of the log is not what the leaves before it make", hint="run hanse admin fsck")
        self._keep(Snapshot(index, data, self._maps.now))

    def _keep(self, snapshot: Snapshot) -> None:
        self._said = snapshot.maps.roots
        self._snapshots[snapshot.index] = snapshot
        while len(self._snapshots) > KEPT or snapshot.index - next(iter(self._snapshots)) > KEPT_LEAVES:
            self._snapshots.popitem(last=False)


def _read_kind(data: bytes) -> _Kind:
    try:
        return _kind(data)
    except msgspec.DecodeError as error:
        raise BadFormat(f"a leaf of the log does not parse: {error}") from error


def _snapshot_leaf(roots: tuple[bytes, bytes], now: int) -> bytes:
    refs, advisories = roots
    return encode_leaf(SnapshotLeaf(now, Sha256(refs.hex()), Sha256(advisories.hex())))
