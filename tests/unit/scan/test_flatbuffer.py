"""Offsets are followed inside the file only."""

from __future__ import annotations

import struct

import pytest
from tests.samples.graphs_tensorflow import flex

from hanse.scan.budget import Budget
from hanse.scan.flatbuffer import Flat, Table, flex_texts
from hanse.scan.source import BytesSource
from hanse.scan.walk import Malformed

DATA = struct.pack("<HHHH", 8, 12, 4, 0) + struct.pack("<iI", 8, 4) + struct.pack("<I", 2) + b"ab\0\0"


def _flat(data: bytes = DATA) -> Flat:
    return Flat(BytesSource(data), Budget({"operations": 10_000}))


def test_fields() -> None:
    """A table gives its texts and numbers, and nothing for absent or unknown fields."""
    table = Table(_flat(), 8)
    assert table.text(0) == "ab"
    assert table.number(0, 4) == 4
    assert (table.text(1), table.number(7, 4, 9), table.vector(1, 4)) == ("", 9, (0, 0))


@pytest.mark.parametrize("at", [-1, 15, 1 << 40])
def test_outside(at: int) -> None:
    """Places outside the file are malformed."""
    with pytest.raises(Malformed):
        _flat(DATA[:16]).number(at, 4)


def test_a_vector_longer_than_the_file() -> None:
    """A vector must fit."""
    with pytest.raises(Malformed):
        _flat().vector(12, 1 << 20)


def test_a_table_without_fields() -> None:
    """A vtable of impossible size is malformed."""
    with pytest.raises(Malformed):
        Table(_flat(bytes(16)), 0)


def test_flexbuffers() -> None:
    """A vector of texts gives the texts; anything else gives nothing."""
    assert flex_texts(flex("AddV2"))[0] == b"AddV2"
    for broken in (b"", b"\0\0\0", b"\xff\x28\x01", b"\x00\x28\x03", flex("AddV2")[:-2]):
        assert flex_texts(broken) == []
