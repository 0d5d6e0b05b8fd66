"""SHA-256 on lanes is SHA-256, whatever the pieces are."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.content.lanes import LANES, Lanes

_PIECES = st.lists(st.lists(st.integers(0, 700), min_size=LANES, max_size=LANES), min_size=1, max_size=6)


def piece(lane: int, turn: int, size: int) -> bytes:
    """Make bytes that no other lane and turn has."""
    return bytes((lane * 31 + turn * 17 + at) % 251 for at in range(size))


@given(_PIECES)
def test_digests(sizes: list[list[int]]) -> None:
    """Every lane has the digest of its own pieces, however unlike the lanes are in length."""
    lanes, whole = Lanes(), [hashlib.sha256() for _ in range(LANES)]
    for turn, each in enumerate(sizes):
        pieces = [piece(lane, turn, size) for lane, size in enumerate(each)]
        lanes.update(pieces)
        for state, one in zip(whole, pieces, strict=True):
            state.update(one)
    assert [lanes.take(lane).digest() for lane in range(LANES)] == [one.hexdigest() for one in whole]


def test_large_pieces() -> None:
    """Pieces of many blocks, some of them at the edges of blocks, are hashed as they are."""
    sizes = [65536 + delta for delta in (-65, -64, -63, -9, -8, -1, 0, 1, 55, 56, 63, 64, 65, 127, 128, 129)]
    pieces = [piece(lane, 0, size) for lane, size in enumerate(sizes)]
    lanes = Lanes()
    lanes.update(pieces)
    lanes.update(pieces)
    assert [lanes.take(lane).digest() for lane in range(LANES)] == [hashlib.sha256(2 * one).hexdigest() for one in pieces]


def test_a_lane_begins_again() -> None:
    """A lane whose message was taken begins with an empty one, and the others go on."""
    lanes = Lanes()
    lanes.update([b"a"] * LANES)
    assert lanes.take(3).digest() == hashlib.sha256(b"a").hexdigest()
    lanes.update([b"b"] * LANES)
    assert (lanes.take(3).digest(), lanes.take(4).digest()) == tuple(hashlib.sha256(one).hexdigest() for one in (b"b", b"ab"))


def test_a_message_goes_on_alone() -> None:
    """A message that left its lane half-way is the same message."""
    lanes = Lanes()
    lanes.update([b"x" * 1000] * LANES)
    taken = lanes.take(0)
    taken.update(b"y" * 1000)
    lanes.update([b"z"] * LANES)
    assert taken.digest() == hashlib.sha256(b"x" * 1000 + b"y" * 1000).hexdigest()


def test_one_piece_for_each_lane() -> None:
    """Fewer pieces than lanes, or more, are refused."""
    for count in (0, LANES - 1, LANES + 1):
        with pytest.raises(ValueError, match="lane"):
            Lanes().update([b""] * count)
