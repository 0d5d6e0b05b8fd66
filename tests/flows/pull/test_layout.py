"""The pieces of a file: where they are, and which of some bytes are true."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tests.support.places import chunks_of, pin_of
from tests.support.simplace import true_list

from hanse.errors import BadFormat, DigestMismatch
from hanse.flows.pull.layout import STRETCH, chunk_layout, plain_layout

DATA = random.Random(3).randbytes(700_000)
PIN = pin_of(DATA)
LIST = true_list(DATA)


def test_chunks_are_where_they_are() -> None:
    """A layout from a chunk list has the chunks of the file, and finds each by any of its bytes."""
    layout, at = chunk_layout(PIN, LIST), 0
    assert (layout.count, layout.size, layout.checked) == (len(chunks_of(DATA)), len(DATA), True)
    for number, (_, length) in enumerate(chunks_of(DATA)):
        assert layout.start(number) == at
        assert layout.at(at) == layout.at(at + length - 1) == number
        at += length
    assert layout.at(len(DATA)) == layout.count


def test_true_run_ends_at_the_false_chunk() -> None:
    """Whole chunks count up to the first false one; a chunk that is not whole counts neither way."""
    layout = chunk_layout(PIN, LIST)
    second = layout.start(2)
    assert layout.true_run(0, memoryview(DATA[: second + 10])) == (2, 2)
    bad = bytearray(DATA[: layout.start(4)])
    bad[second] ^= 1
    assert layout.true_run(0, memoryview(bad)) == (2, 4)
    assert layout.true_run(1, memoryview(DATA[layout.start(1) :])) == (layout.count, layout.count)
    assert layout.true_run(0, memoryview(b"")) == (0, 0)


@pytest.mark.parametrize("size", [0, 1, STRETCH, STRETCH + 1])
def test_plain_layout_covers_the_file(size: int) -> None:
    """Without a chunk list the pieces cover the file, and whatever comes counts as staged."""
    layout = plain_layout(size)
    assert (layout.size, layout.start(layout.count), layout.checked) == (size, size, False)
    assert layout.true_run(0, memoryview(bytes(size))) == (layout.count, layout.count)


def test_only_the_true_chunk_list_is_one() -> None:
    """A chunk list that does not recompute to the pinned hash and size, or is no chunk list, is refused."""
    flipped = bytes([LIST[0] ^ 1]) + LIST[1:]
    for wrong in (flipped, LIST[:-36], LIST[36:] + LIST[:36], b""):
        with pytest.raises(DigestMismatch):
            chunk_layout(PIN, wrong)
    with pytest.raises(DigestMismatch):
        chunk_layout(replace(PIN, size=PIN.size - 1), LIST)
    for odd in (LIST[:-1], LIST[:32] + bytes(4) + LIST[36:]):
        with pytest.raises(BadFormat):
            chunk_layout(PIN, odd)
    with pytest.raises(BadFormat):
        chunk_layout(replace(PIN, size=1), LIST)
