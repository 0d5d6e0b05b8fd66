"""How far a pull is: what a terminal shows of it. Safe for threads."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hanse.flows.pull.events import Event, Kind
from hanse.model.receipt import HELD

if TYPE_CHECKING:
    from hanse.flows.pull.asked import PulledRevision
    from hanse.flows.pull.fetch import Fetch

MAX_REMARKS = 100
_SPAN = 3.0
"""Seconds over which a speed is measured."""


@dataclass(frozen=True, slots=True)
class State:
    """One look at a pull. done: bytes that are here; speed: bytes a second; by_source: bytes taken from each place so far.

    fetching: names of files on their way; remarks: what is to be said about sources.
    """

    files: int
    files_done: int
    size: int
    done: int
    speed: float
    by_source: Mapping[str, int]
    fetching: tuple[str, ...]
    remarks: tuple[str, ...]


class Progress:
    """What a pull does; written by its threads, read by whoever shows it.

    revision: None until the name is resolved.
    """

    def __init__(self) -> None:
        self.revision: PulledRevision | None = None
        self._lock = threading.Lock()
        self._files = self._size = self._files_done = self._done = 0
        self._running: dict[str, Fetch] = {}
        self._sources: Counter[str] = Counter()
        self._remarks: list[str] = []
        self._seen: list[tuple[float, int]] = []

    def begin(self, revision: PulledRevision, files: int, size: int) -> None:
        """Say what is pulled."""
        self._files, self._size, self.revision = files, size, revision

    def fetching(self, path: str, fetch: Fetch) -> None:
        """Say that a file is on its way."""
        with self._lock:
            self._running[path] = fetch

    def finished(self, path: str, size: int, shares: Mapping[str, int]) -> None:
        """Say that a file is here. shares: bytes of it that came from each place, by its name; the rest was held."""
        with self._lock:
            self._running.pop(path, None)
            self._sources.update({name: count for name, count in shares.items() if count})
            if (rest := size - sum(shares.values())) > 0:
                self._sources[HELD] += rest
            self._files_done += 1
            self._done += size

    def saw(self, event: Event) -> None:
        """Take what is to be said about a place from an event of a fetch."""
        if event.kind in (Kind.LIE, Kind.DEAD, Kind.MISSING, Kind.SLOW, Kind.WAIT) and event.message:
            with self._lock:
                if event.message not in self._remarks and len(self._remarks) < MAX_REMARKS:
                    self._remarks.append(event.message)

    @property
    def sources(self) -> Mapping[str, int]:
        """Bytes taken from each place by the files that are here."""
        with self._lock:
            return dict(self._sources)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be said about places."""
        with self._lock:
            return tuple(self._remarks)

    def look(self) -> State:
        """Return how far it is."""
        with self._lock:
            running = dict(self._running)
            sources, done = self._sources.copy(), self._done
            state = (self._files, self._files_done, self._size, tuple(self._remarks))
        for fetch in running.values():
            done += fetch.progress[0]
            sources.update(fetch.sources)
        files, files_done, size, remarks = state
        return State(files, files_done, size, done, self._speed(done), dict(sources), tuple(running), remarks)

    def _speed(self, done: int) -> float:
        now = time.monotonic()
        self._seen = [one for one in self._seen if now - one[0] < _SPAN] + [(now, done)]
        since, before = self._seen[0]
        return (done - before) / (now - since) if now > since else 0.0
