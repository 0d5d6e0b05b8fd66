"""Time comes in through one small door, so that engines and tests need no real clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from hanse.errors import BadSetting


class Clock(Protocol):
    """Source of the current time."""

    def now(self) -> int:
        """Return seconds since 1970-01-01 UTC, whole."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return seconds since 1970-01-01 UTC, whole; raises BadSetting before that, a time that no record can have."""
        seconds = time.time()
        if seconds < 0:
            raise BadSetting(f"the clock of this machine is wrong: it says {rfc3339(int(seconds))}", hint="set it to now")
        return int(seconds)


def rfc3339(seconds: int) -> str:
    """Return RFC 3339 UTC text with seconds, such as `2026-11-22T08:03:24Z` (log leaves)."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hub_time(seconds: int) -> str:
    """Return the Hub API's form of a time, such as `2026-11-22T08:03:24.000Z`."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
