"""Xet plans that are none; reading by one is proved in tests/contract/test_xet.py."""

from __future__ import annotations

import pytest

from hanse.content.xorb import MAX_XORB_BYTES
from hanse.errors import InputError
from hanse.peers import xet

NAME = "a" * 64


def _plan(**change: int) -> xet._Plan:
    at = {"first": 0, "end": 3, "start": 0, "last": 99} | change
    part = xet._Part(xet._Span(at["first"], at["end"]), xet._Span(at["start"], at["last"]))
    return xet._Plan([], 0, {NAME: [xet._Place("http://a/", [part])]})


@pytest.mark.parametrize(
    "change",
    [{"end": 0}, {"first": -1}, {"start": -1}, {"start": 100}, {"last": MAX_XORB_BYTES}],
    ids=str,
)
def test_stretches_that_are_none(change: dict[str, int]) -> None:
    """Chunks and bytes have an order and bounds."""
    assert xet._stretches(_plan())
    with pytest.raises(InputError):
        xet._stretches(_plan(**change))


@pytest.mark.parametrize(
    ("name", "start", "end", "length"),
    [("b" * 64, 0, 1, 10), (NAME, 0, 4, 10), (NAME, 2, 2, 10), (NAME, 0, 1, 1 << 40), (NAME, 0, 2, 1), ("x", 0, 1, 10)],
)
def test_terms_without_a_place(name: str, start: int, end: int, length: int) -> None:
    """Every term has possible numbers and lies in a stretch that is named."""
    stretches = xet._stretches(_plan())
    assert xet._step(xet._Term(NAME, 10, xet._Span(0, 1)), stretches)
    with pytest.raises(InputError):
        xet._step(xet._Term(name, length, xet._Span(start, end)), stretches)
