"""Logs of others as replayed so far, kept in memory, and in the catalogue now and then, so that a restart costs what is new.

What was written down counts only if it is whole (`hanse.tlog.saved`) and the hash tiles of the copy lead to the same frontier;
anything else is passed over, and the whole copy replayed. Either way the end must have the root that was recorded when the
entries came: a copy that was damaged since is never built upon, and its log not blamed for it. It is written after the record of
the copy's size, in one transaction, so that it may be missing or old after a kill, and no more.

Evidence shows a log where enough others cosigned it, which often is not where its copy ends. So a new process, as one that
exports beside a node, notes the maps also at each kept checkpoint that it passes while it replays.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hanse.db import foreign
from hanse.db.engine import Database
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadProof, InputError, IntegrityError, StorageError
from hanse.flows.logcopy import LogCopy
from hanse.model.alarm import Alarm
from hanse.model.repo import Origin
from hanse.store.base import BlobStore
from hanse.tlog.map import MerkleMap
from hanse.tlog.replay import Replay
from hanse.tlog.saved import load, save
from hanse.tlog.tiles import edge_frontier, edge_names

KEPT = 32
"""Of how many places of a log, those where its copy stopped last, the maps are kept."""
SAVE_LEAVES = 1024
"""New leaves after which the state of a log is written down, once its copy has arrived."""
SAVE_SHARE = 16
"""And at least one for so many that were written down: writing costs some microseconds for each ref of the log."""
SAVE_UNDERWAY = 16_384
"""Size at which the state is first written down while the copy is still catching up; then at each doubling."""
_FSCK = "run hanse admin fsck"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptMaps:
    """The maps of a log at a size at which its newest snapshot covers them. snapshot: index of that leaf."""

    size: int
    snapshot: int
    refs: MerkleMap
    advisories: MerkleMap


class Replays:
    """The replayed state of each log that is followed. Safe for threads, one at a time for each log."""

    def __init__(self, store: BlobStore, db: Database | None = None) -> None:
        """db: where the state is written down; without it a new process replays every copy whole."""
        self._store = store
        self._db = db
        self._saved: dict[str, int] = {}
        self._lock = threading.Lock()
        self._kept: dict[str, Replay] = {}
        self._next: dict[str, Replay] = {}
        self._sizes: dict[str, int] = {}
        self._maps: dict[str, OrderedDict[int, KeptMaps]] = {}
        self._busy: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def append(self, log: WitnessedLog, entries: Sequence[bytes]) -> list[Alarm]:
        """Replay entries after the copy of a log, and return the alarms that they raise; `keep` makes it the state of the log.

        Raises BadProof, BadSignature or Equivocation if the log is not true, BadFormat if it is not one of Hanse; StorageError if
        the copy is damaged.
        """
        with self._of(log.origin):
            present = self._at(log)
            with self._lock:
                self._mark(log.origin, present)  # after a restart, too, evidence can be shown where the copy stood before
            state = present.clone()
        before = len(state.alarms)
        state.append(entries)
        with self._lock:
            self._next[log.origin] = state
        return list(state.alarms[before:])

    def keep(self, origin: str, *, arrived: bool = True) -> None:
        """Make what was appended last the state of the log, and write it down if much came since the last time.

        arrived: whether that is all that the log is known to have.
        """
        with self._lock:
            state = self._kept[origin] = self._next.pop(origin)
            self._mark(origin, state)
            saved = self._saved.get(origin, 0)
        if arrived:
            due = state.size - saved >= max(SAVE_LEAVES, saved // SAVE_SHARE)
        else:
            due = state.size >= max(SAVE_UNDERWAY, 2 * saved)
        if due and self._db is not None:
            with self._db.write() as conn:
                foreign.put_replay(conn, origin, save(state))
            self._saved[origin] = state.size

    def maps(self, log: WitnessedLog, size: int) -> KeptMaps | None:
        """Return the maps of a log at a size; None if they are not kept, or if no snapshot covers them there.

        They are kept of sizes where the copy stopped, before this process began those from what was written down on.
        The first call in a process replays what of the copy was not written down. Raises StorageError if the copy is damaged.
        """
        with self._of(log.origin):
            with self._lock:
                found, state = self._maps.get(log.origin, OrderedDict()).get(size), self._kept.get(log.origin)
            if found is None and size <= log.mirrored and (state is None or state.size < log.mirrored):
                state = self._at(log)
                with self._lock:
                    self._mark(log.origin, state)
                    found = self._maps.get(log.origin, OrderedDict()).get(size)
            return found

    def _of(self, origin: str) -> threading.RLock:
        with self._lock:
            return self._busy[origin]

    def _mark(self, origin: str, state: Replay) -> None:
        if state.covered and state.snapshot_index is not None:
            kept = self._maps.setdefault(origin, OrderedDict())
            kept[state.size] = KeptMaps(state.size, state.snapshot_index, state.refs, state.advisories)
            while len(kept) > KEPT:
                kept.popitem(last=False)

    def _at(self, log: WitnessedLog) -> Replay:
        """Return the log replayed up to the end of its copy."""
        self._sizes[log.origin] = log.mirrored
        with self._lock:
            state = self._kept.get(log.origin)
        if state is None or state.size > log.mirrored:
            state = self._load(log) or Replay.start(Origin(log.origin), self._earlier(log.origin))
        if state.size < log.mirrored:
            self._replay(log, state)
        with self._lock:
            self._kept[log.origin] = state
        return state

    def _replay(self, log: WitnessedLog, state: Replay) -> None:
        """Replay what of the copy comes after a state; raises StorageError unless it leads to the root that was recorded."""
        stops, passed = self._stops(log, state.size), [state.clone()]  # what was written down, was where the copy stopped
        try:
            for entries in LogCopy(self._store, log.origin).entries(state.size, log.mirrored):
                for some in _split(entries, state.size, stops):
                    state.append(some)
                    passed += [state.clone()] if state.size in stops else []
        except (IntegrityError, InputError) as error:
            raise StorageError(f"the copy of {log.origin} held here is damaged: {error.message}", hint=_FSCK) from error
        root = state.frontier.root.hex()
        if log.mirrored_root and root != log.mirrored_root:
            says = f"the copy of {log.origin} held here is damaged: its root is {root}, {log.mirrored_root} was recorded"
            raise StorageError(says, hint=_FSCK)
        with self._lock:
            for one in passed:
                self._mark(log.origin, one)

    def _stops(self, log: WitnessedLog, after: int) -> list[int]:
        """Return the sizes of the newest kept checkpoints of a log, from `after` on and before the end of its copy, in order."""
        if self._db is None:
            return []
        with self._db.read() as conn:
            sizes = [one.size for one in foreign.kept_checkpoints(conn, log.origin)]
        return sorted(size for size in sizes[:KEPT] if after < size < log.mirrored)

    def _load(self, log: WitnessedLog) -> Replay | None:
        """Return the state that was written down if it is whole and belongs to the copy, else None."""
        if self._db is None:
            return None
        with self._db.read() as conn:
            parts = foreign.kept_replay(conn, log.origin)
        self._saved[log.origin] = 0
        if not parts:
            return None
        try:
            state = load(parts, self._earlier(log.origin))
            if state.size > log.mirrored or state.origin != log.origin:
                return None
            self._check_tiles(log, state)
        except (IntegrityError, InputError) as error:
            _log.warning("the state of %s that was written down is not used, its copy is replayed: %s", log.origin, error.message)
            return None
        self._saved[log.origin] = state.size
        return state

    def _check_tiles(self, log: WitnessedLog, state: Replay) -> None:
        copy = LogCopy(self._store, log.origin)
        edge = {name.path: copy.read(name, log.mirrored) for name in edge_names(state.size)}
        if edge_frontier(state.size, edge) != state.frontier:
            raise BadProof(f"the tiles of the copy of {log.origin} lead to another root at size {state.size}", hint=_FSCK)

    def _earlier(self, origin: str) -> Callable[[int], bytes]:
        copy = LogCopy(self._store, origin)
        return lambda index: copy.entry(index, self._sizes[origin])


def _split(entries: Sequence[bytes], start: int, stops: Sequence[int]) -> Iterator[Sequence[bytes]]:
    """Yield entries, of which the first is at index `start`, in parts that end where a log of one of these sizes does."""
    cuts = [0, *(size - start for size in stops if start < size < start + len(entries)), len(entries)]
    return (entries[begin:end] for begin, end in pairwise(cuts))
