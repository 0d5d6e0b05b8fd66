"""Chunks end where every Xet client ends them, however the stream arrives."""

from __future__ import annotations

import random

import pytest
from tests.vectors import xet_primitives as oracle

from hanse.content.chunking import MIN_CHUNK_BYTES, Chunker, split
from hanse.content.hashing import MAX_CHUNK_BYTES

_NOISE = random.Random(5).randbytes(400_000)
_INPUTS = {
    "empty": b"",
    "one": b"x",
    "min": _NOISE[:8192],
    "below min": _NOISE[:8191],
    "zeros": bytes(300_000),
    "noise": _NOISE,
    "repeated": _NOISE[:150_000] * 2,
    "periodic": b"ab" * 150_000,
    "four letters": bytes(random.Random(6).choices(b"ACGT", k=300_000)),
}


@pytest.mark.parametrize("name", _INPUTS)
def test_cuts_equal_the_oracle_for_any_arrival(name: str) -> None:
    """At once or in pieces from one byte to 100 kB, the chunks are those of the reference."""
    data, chance = _INPUTS[name], random.Random(name)
    expected = oracle.chunks(data)
    assert split(data) == expected
    for sizes in ([1, 7, 300], [5000, 32768], [65536, 100_000]):
        chunker, found, at = Chunker(), [], 0
        while at < len(data):
            size = chance.choice(sizes)
            found += chunker.feed(memoryview(data)[at : at + size])
            at += size
        assert found + chunker.finish() == expected


def test_all_chunks_but_the_last_keep_the_bounds() -> None:
    """8 to 128 KiB, the last one possibly shorter."""
    chunks = split(_NOISE + bytes(400_000))
    assert all(MIN_CHUNK_BYTES <= len(chunk) <= MAX_CHUNK_BYTES for chunk in chunks[:-1])
    assert len(chunks[-1]) <= MAX_CHUNK_BYTES


def test_a_finished_chunker_starts_anew() -> None:
    """One chunker may cut one stream after the other."""
    chunker = Chunker()
    for _ in range(2):
        assert chunker.feed(_NOISE) + chunker.finish() == oracle.chunks(_NOISE)


def test_an_edit_changes_only_the_chunks_around_it() -> None:
    """Cuts follow content: after an insertion the later chunks are the same bytes again."""
    before, after = split(_NOISE), split(_NOISE[:1000] + b"inserted" + _NOISE[1000:])
    assert before[-2:] == after[-2:]
