"""Waiting for a file that another process fetches: how far it is, and whether it goes on at all."""

from __future__ import annotations

import time
from collections.abc import Callable

from hanse.flows.pull.events import Event, Kind
from hanse.model.filepin import FilePin
from hanse.store.held.store import Held

STUCK_SECONDS = 60.0
"""After so long without a byte the other process counts as stopped (Ctrl-Z does that), and the file is fetched beside it."""


class Waiting:
    """Waits for whoever fetches a file. report: told once that it is waited for, once that it is not waited for any longer."""

    def __init__(
        self, pin: FilePin, held: Held, report: Callable[[Event], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stuck = False
        self._pin, self._held, self._report, self._clock = pin, held, report, clock
        self._seen = (-1, -1)
        self._since = 0.0
        self._told = False

    def look(self) -> int:
        """Return about how many bytes the other has; `stuck` says afterwards whether it has stopped."""
        seen, now = self._held.arrived(self._pin), self._clock()
        if seen != self._seen:
            self._seen, self._since = seen, now
        if not self._told:
            self._told = True
            self._tell(f"{self._pin.path} is being fetched already: it is waited for")
        if not self.stuck and now - self._since >= STUCK_SECONDS:
            self.stuck = True
            self._tell(f"whoever fetched {self._pin.path} has stopped: it is fetched once more")
        return seen[0]

    def _tell(self, message: str) -> None:
        self._report(Event(Kind.WAIT, self._pin.path, "", None, self._seen[0], self._pin.size, message))
