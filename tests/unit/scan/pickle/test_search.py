"""Streams behind other bytes: where they could begin."""

from __future__ import annotations

import pytest

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.pickle.search import MAX_TRIALS, beginnings, searchable
from hanse.scan.source import BytesSource


def places(data: bytes) -> list[int]:
    """Return where streams could begin in `data`."""
    return list(beginnings(BytesSource(data), 0, Budget({"operations": 10**6})))


def test_places() -> None:
    """PROTO with what follows it, and GLOBAL with two names, are places; also across pieces."""
    assert places(b"xx\x80\x04\x95yycposix\nsystem\n(") == [2, 7]
    assert places(bytes((1 << 20) - 2) + b"\x80\x04\x8cab") == [(1 << 20) - 2]


def test_places_without_end_run_out() -> None:
    """A file of beginnings is not tried to its end."""
    with pytest.raises(OverBudget):
        places(b"\x80\x04\x8c" * (MAX_TRIALS + 1))


def test_what_is_searched() -> None:
    """Containers and plain text are not searched."""
    assert searchable(b"\x01\x02\xff")
    assert not searchable(b"PK\x03\x04\xff")
    assert not searchable(b"plain text")
    assert not searchable(b"")
