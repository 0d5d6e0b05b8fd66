"""The vectorised Gear hash marks what the byte-by-byte hash marks."""

from __future__ import annotations

import random

from tests.vectors import xet_primitives as oracle

from hanse.content import gear


def test_table_is_the_published_one() -> None:
    """All 256 values are those of the reference table."""
    assert gear.TABLE.tolist() == oracle.TABLE


def test_marks_equal_the_rolling_hash() -> None:
    """Every position is marked exactly when the rolling hash over all bytes so far has 16 zero bits on top."""
    data = random.Random(3).randbytes(300_000)
    value, expected = 0, []
    for end, byte in enumerate(data, 1):
        value = ((value << 1) + oracle.TABLE[byte]) & 0xFFFFFFFFFFFFFFFF
        if value < 1 << 48:
            expected.append(end)
    scanner = gear.GearScanner()
    found: list[int] = []
    at = gear.WINDOW - 1
    for step in (1, 2, 63, 64, 65, *[gear.BLOCK] * 20):
        found += scanner.marks(data, at, min(at + step, len(data)))
        at = min(at + step, len(data))
    assert found == [end for end in expected if end >= gear.WINDOW]
    assert len(found) >= 2
