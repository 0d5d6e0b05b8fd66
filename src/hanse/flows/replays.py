"""Logs of others as replayed so far, kept in memory; after a restart they are replayed again from their copies."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hanse.db.witnesses import WitnessedLog
from hanse.flows.logcopy import LogCopy
from hanse.model.alarm import Alarm
from hanse.model.repo import Origin
from hanse.store.base import BlobStore
from hanse.tlog.replay import Replay


class Replays:
    """The replayed state of each log that is followed. Safe for threads, one at a time for each log."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[str, Replay] = {}
        self._next: dict[str, Replay] = {}
        self._sizes: dict[str, int] = {}

    def append(self, log: WitnessedLog, entries: Sequence[bytes]) -> list[Alarm]:
        """Replay entries after the copy of a log, and return the alarms that they raise; `keep` makes it the state of the log.

        Raises BadProof, BadSignature or Equivocation if the log is not true, BadFormat if it is not one of Hanse.
        """
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
