"""GGUF's primitives."""

from __future__ import annotations

import struct

import pytest

from hanse.scan.budget import Budget, limits_for
from hanse.scan.ggufread import PIECE, Reader
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Malformed, Walk


def _nothing(_source: Source, _member: str, _walk: Walk) -> None:
    """Describe nothing."""


def _reader(data: bytes, order: str = "<") -> Reader:
    return Reader(BytesSource(bytes(8) + data), Walk(Budget(limits_for(len(data))), _nothing), order, wide=True)


def test_numbers_and_texts_in_both_orders() -> None:
    """Values come out as they went in; long texts are cut and passed over."""
    for order in "<>":
        reader = _reader(struct.pack(f"{order}IQ", 7, 5) + b"abcde" + struct.pack(f"{order}d", 0.5), order)
        assert reader.number(4, "n") == 7
        assert reader.text("t", 3) == "abc"
        assert reader.number(12, "d") == 0.5
        assert reader.left == 0


def test_reading_past_the_end_is_malformed() -> None:
    """Neither a number nor a text nor a skip goes past the end."""
    with pytest.raises(Malformed):
        _reader(b"1234").take(9, "x")
    with pytest.raises(Malformed):
        _reader(b"1234").skip(9, "x")
    with pytest.raises(Malformed):
        _reader(b"1234").number(10, "x")


def test_arrays_of_texts_are_walked_across_pieces() -> None:
    """Texts longer than a piece, and thousands of short ones, end at the right place."""
    texts = [b"a" * 10, b"b" * (PIECE + 5), b"", *[b"c"] * 200_000, b"d" * (2 * PIECE)]
    data = struct.pack("<IQ", 8, len(texts)) + b"".join(struct.pack("<Q", len(one)) + one for one in texts) + b"end"
    reader = _reader(data)
    assert reader.array("x", 1) == (8, len(texts), ["a" * 10])
    assert reader.take(3, "end") == b"end"


def test_nested_arrays_are_read_within_bounds() -> None:
    """Arrays of arrays of numbers, not deeper than a few levels."""
    inner = struct.pack("<IQ", 4, 2) + bytes(8)
    reader = _reader(struct.pack("<IQ", 9, 3) + inner * 3)
    assert reader.array("x", 0) == (9, 3, [])
    assert reader.left == 0
