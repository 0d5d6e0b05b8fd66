"""Which sources did not answer lately, so that nobody waits for them again and again; shared by all processes of a user.

Only who has something to give without a source spares himself the wait. Each process tries one that rests once, shortly: it may
be back.
"""

from __future__ import annotations

import threading

from hanse.clock import Clock
from hanse.errors import HanseError
from hanse.flows.pull.known import Records

REST_SECONDS = 15
AGAIN_SECONDS = 0.5
MAX_REST_SECONDS = 60
_KIND = "down"


class Health:
    """Sources by address, and until when each is left alone: longer the more often it failed in a row. Safe for threads."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._tried: set[str] = set()

    def patience(self, url: str, seconds: float) -> float:
        """Return for how long to wait for a source where something is held: `seconds`, less if it rests, 0 for not asking it."""
        with self._lock:
            tried = url in self._tried
            self._tried.add(url)
        if not self.resting(url):
            return seconds
        return 0.0 if tried else min(seconds, AGAIN_SECONDS)

    def resting(self, url: str) -> bool:
        """Tell whether a source is left alone for now."""
        found = self._records.get(_KIND, url)
        if found is None:
            return False
        data, at = found
        seconds = int(data) if data.isdigit() and len(data) < 8 else REST_SECONDS
        return 0 <= self._clock.now() - at < seconds

    def failed(self, url: str) -> None:
        """Note that a source did not answer."""
        with self._lock:
            self._tried.add(url)
            count = self._failures[url] = min(self._failures.get(url, 0) + 1, 16)
        seconds = min(REST_SECONDS << (count - 1), MAX_REST_SECONDS)
        self._write(url, str(seconds).encode())

    def answered(self, url: str) -> None:
        """Note that a source answers."""
        with self._lock:
            self._failures.pop(url, None)
        if self._records.get(_KIND, url) is not None:
            self._write(url, b"")

    def _write(self, url: str, data: bytes) -> None:
        try:
            if data:
                self._records.put(_KIND, url, data, self._clock.now())
            else:
                self._records.delete(_KIND, url)
        except HanseError:  # only costs time: the next process asks it, too
            return
