"""Ranges: a set of positions, whatever the order in which its parts come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.store.held.ranges import Ranges

PARTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=20)


@given(PARTS)
def test_equal_to_a_set(parts: list[tuple[int, int]]) -> None:
    """Every sequence of additions gives the same positions as a plain set, listed sorted, apart and without empty ranges."""
    ranges, positions = Ranges(), set[int]()
    for start, length in parts:
        ranges.add(start, start + length)
        positions |= set(range(start, start + length))
    listed = ranges.listed()
    assert {at for start, end in listed for at in range(start, end)} == positions
    assert all(start < end for start, end in listed)
    assert all(left[1] < right[0] for left, right in pairwise(listed))
    assert ranges.total() == len(positions)
    assert all(ranges.covers(at, at + 3) == (set(range(at, at + 3)) <= positions) for at in range(42))


def test_backwards() -> None:
    """A range that ends before it starts, or starts before the file, is a mistake of the caller."""
    for start, end in ((2, 1), (-1, 1)):
        with pytest.raises(ValueError, match="no range"):
            Ranges().add(start, end)
