"""How long a chunk list can be."""

from __future__ import annotations

import random

import pytest

from hanse.content.chunking import MIN_CHUNK_BYTES, split
from hanse.errors import PeerMisbehaved
from hanse.peers.chunklists import chunk_list_limit, parsed_length


@pytest.mark.parametrize("size", [1, MIN_CHUNK_BYTES, MIN_CHUNK_BYTES + 1, 700_000])
def test_every_real_list_fits(size: int) -> None:
    """No file of that size has more chunks than the limit allows."""
    assert 36 * len(split(random.Random(size).randbytes(size))) <= chunk_list_limit(size)


def test_lengths() -> None:
    """A list has 36 bytes for each chunk, and one chunk at least."""
    assert parsed_length(bytes(72), "a") == bytes(72)
    for bad in (b"", bytes(35), bytes(37)):
        with pytest.raises(PeerMisbehaved):
            parsed_length(bad, "a")
