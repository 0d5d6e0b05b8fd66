"""Which sources did not answer lately, so that nobody waits for them again and again; shared by all processes of a user."""

from __future__ import annotations

import threading

from hanse.clock import Clock
from hanse.errors import HanseError
from hanse.flows.pull.known import Records

REST_SECONDS = 15
MAX_REST_SECONDS = 300
_KIND = "down"


class Health:
    """Sources by address, and until when each is left alone: longer the more often it failed in a row. Safe for threads."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}

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
