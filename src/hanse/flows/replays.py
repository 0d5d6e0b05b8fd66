"""Logs of others as replayed so far, kept in memory; after a restart they are replayed again from their copies."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from hanse.db.witnesses import WitnessedLog
from hanse.flows.logcopy import LogCopy
from hanse.model.alarm import Alarm
from hanse.model.repo import Origin
from hanse.store.base import BlobStore
from hanse.tlog.map import MerkleMap
from hanse.tlog.replay import Replay

KEPT = 32
"""Of how many places of a log, those where its copy stopped last, the maps are kept."""


@dataclass(frozen=True, slots=True)
class KeptMaps:
    """The maps of a log at a size at which its newest snapshot covers them. snapshot: index of that leaf."""

    size: int
    snapshot: int
    refs: MerkleMap
    advisories: MerkleMap


class Replays:
    """The replayed state of each log that is followed. Safe for threads, one at a time for each log."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[str, Replay] = {}
        self._next: dict[str, Replay] = {}
        self._sizes: dict[str, int] = {}
        self._maps: dict[str, OrderedDict[int, KeptMaps]] = {}
        self._busy: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def append(self, log: WitnessedLog, entries: Sequence[bytes]) -> list[Alarm]:
        """Replay entries after the copy of a log, and return the alarms that they raise; `keep` makes it the state of the log.

        Raises BadProof, BadSignature or Equivocation if the log is not true, BadFormat if it is not one of Hanse.
        """
        with self._of(log.origin):
            state = self._at(log).clone()
        before = len(state.alarms)
        state.append(entries)
        with self._lock:
            self._next[log.origin] = state
        return list(state.alarms[before:])

    def keep(self, origin: str) -> None:
        """Make what was appended last the state of the log."""
        with self._lock:
            self._kept[origin] = self._next.pop(origin)
            self._mark(origin, self._kept[origin])

    def maps(self, log: WitnessedLog, size: int) -> KeptMaps | None:
        """Return the maps of a log at a size; None if they are not kept, or if no snapshot covers them there.

        The first call in a process replays the copy. Raises as `append` if the copy is damaged.
        """
        with self._of(log.origin):
            with self._lock:
                found, state = self._maps.get(log.origin, OrderedDict()).get(size), self._kept.get(log.origin)
            if found is None and size == log.mirrored and (state is None or state.size <= size):
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
        copy = LogCopy(self._store, log.origin)
        self._sizes[log.origin] = log.mirrored
        with self._lock:
            state = self._kept.get(log.origin)
        if state is None or state.size > log.mirrored:
            state = Replay.start(Origin(log.origin), lambda index: copy.entry(index, self._sizes[log.origin]))
        for entries in copy.entries(state.size, log.mirrored):
            state.append(entries)
        with self._lock:
            self._kept[log.origin] = state
        return state
