"""How fast copies may be fetched, and when: a rate for all transfers together, and hours of the day (UTC)."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hanse.errors import BadFormat
from hanse.model.filepin import FilePin
from hanse.peers.place import Place

DAY = 86400
MAX_WINDOWS = 24
_SLICE = 64 * 1024
_WINDOW = re.compile(r"([0-2]?[0-9]):([0-5][0-9])-([0-2]?[0-9]):([0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of day at which copies are fetched. windows: pairs of seconds after midnight UTC; none: always."""

    windows: tuple[tuple[int, int], ...] = ()

    def open(self, now: int) -> bool:
        """Tell whether copies may be fetched at `now` (seconds since 1970)."""
        at = now % DAY
        return not self.windows or any(
            start <= at < end if start < end else at >= start or at < end for start, end in self.windows
        )


def parse_hours(text: str) -> Hours:
    """Return the times in `22:00-06:00, 12:00-13:00`; "" for always. Raises BadFormat."""
    found: list[tuple[int, int]] = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        match = _WINDOW.fullmatch(part)
        numbers = [int(one) for one in match.groups()] if match else []
        if not numbers or numbers[0] > 24 or numbers[2] > 24 or len(found) >= MAX_WINDOWS:
            raise BadFormat(f"hours are written like 22:00-06:00, at most {MAX_WINDOWS} of them, got {part[:40]!r}")
        start, end = (60 * (60 * numbers[at] + numbers[at + 1]) % DAY for at in (0, 2))
        if start == end:
            return Hours()
        found.append((start, end))
    return Hours(tuple(found))


class Pace:
    """A rate that everything which takes from it shares. rate: bytes a second, 0 for no limit. Safe for threads."""

    def __init__(
        self, rate: int = 0, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.rate = rate
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._free_at = clock()
        self.taken = 0

    def take(self, size: int) -> None:
        """Note that so many bytes came, and wait until that is no faster than the rate, measured over about a second."""
        with self._lock:
            self.taken += size
            if not self.rate:
                return
            now = self._clock()
            self._free_at = max(self._free_at, now - 1.0) + size / self.rate
            pause = self._free_at - now
        if pause > 0:
            self._sleep(pause)


class PacedPlace:
    """A place that gives bytes no faster than a pace allows, and counts them. arrived: told how many came."""

    def __init__(self, place: Place, pace: Pace, arrived: Callable[[int], object] = lambda _: None) -> None:
        self._place, self._pace, self._arrived = place, pace, arrived

    @property
    def name(self) -> str:
        """Host and port, as people are told it."""
        return self._place.name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file, see `Place`."""
        for piece in self._place.read(pin, start, end):
            for part in self._parts(piece):
                self._pace.take(len(part))
                self._arrived(len(part))
                yield part

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file as the place says it, see `Place`."""
        found = self._place.chunk_list(pin)
        self._pace.take(len(found or b""))
        return found

    def _parts(self, piece: bytes) -> Sequence[bytes]:
        # Small parts under a limit: a transfer that pauses long between two of them would count as stalled.
        if not self._pace.rate or len(piece) <= _SLICE:
            return [piece]
        return [piece[at : at + _SLICE] for at in range(0, len(piece), _SLICE)]
