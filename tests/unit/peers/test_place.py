"""A part of a file can be had from a place that only gives whole files."""

from __future__ import annotations

import random

from tests.support.places import pin_of
from tests.support.simplace import SimPlace

from hanse.peers.place import part_of_whole

DATA = random.Random(5).randbytes(10_000)
PIN = pin_of(DATA)


def test_every_part_is_cut_right() -> None:
    """Whatever pieces the whole comes in, exactly the part comes out, at both ends and in the middle."""
    for step in (1, 7, 4096, 20_000):
        for start, end in ((0, 10_000), (0, 1), (9_999, 10_000), (4_000, 4_100), (4_095, 8_193)):
            place = SimPlace("plain", DATA, step=step, ranges=False)
            assert b"".join(part_of_whole(place, PIN, start, end)) == DATA[start:end]
            assert place.asked == [(0, len(DATA))]


def test_the_transfer_ends_with_the_part() -> None:
    """What comes after the part is not read, and what comes before is told piece by piece, so that a reader can end it."""
    place = SimPlace("plain", DATA, step=1000, ranges=False)
    pieces = list(part_of_whole(place, PIN, 2_500, 3_500))
    assert [len(one) for one in pieces] == [0, 0, 500, 500]
