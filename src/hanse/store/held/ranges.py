"""Which bytes of a file are there: sorted ranges [start, end) that neither touch nor overlap."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

Range = tuple[int, int]


class Ranges:
    """A set of byte positions. Not safe for threads."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Add the positions from `start` up to before `end`; none if they are equal. Raises ValueError for a negative length."""
        if not 0 <= start <= end:
            raise ValueError(f"no range goes from {start} to {end}")
        if start == end:
            return
        first = bisect_left(self._ends, start)
        after = bisect_right(self._starts, end)
        if first < after:
            start, end = min(start, self._starts[first]), max(end, self._ends[after - 1])
        self._starts[first:after] = [start]
        self._ends[first:after] = [end]

    def covers(self, start: int, end: int) -> bool:
        """Tell whether every position from `start` up to before `end` is in the set."""
        at = bisect_right(self._starts, start) - 1
        return start >= end or (at >= 0 and self._ends[at] >= end)

    def total(self) -> int:
        """Return how many positions are in the set."""
        return sum(self._ends) - sum(self._starts)

    def listed(self) -> list[Range]:
        """Return the ranges in order."""
        return list(zip(self._starts, self._ends, strict=True))
