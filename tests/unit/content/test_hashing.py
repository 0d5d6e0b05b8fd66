"""Xet hashes and chunk lists: equal to the oracle and to hf_xet, strict on input."""

from __future__ import annotations

import random
from pathlib import Path

import hf_xet  # type: ignore[import-untyped]
import pytest
from tests.vectors import xet_primitives as oracle

from hanse.content import hashing
from hanse.errors import BadFormat
from hanse.model.digest import EMPTY_XET, xet_from_bytes, xet_to_bytes


def _chunks(count: int, seed: int = 1) -> list[tuple[bytes, int]]:
    chance = random.Random(seed)
    return [(chance.randbytes(32), chance.randint(1, 131072)) for _ in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 8, 9, 10, 11, 27, 28, 82, 500, 5000])
def test_tree_hashes_equal_the_oracle(count: int) -> None:
    """Xorb and file hashes are those of the reference, for every number of chunks."""
    for seed in range(4):
        chunks = _chunks(count, seed)
        assert xet_to_bytes(hashing.xorb_hash(chunks)) == oracle.tree(chunks)
        assert xet_to_bytes(hashing.file_hash(chunks)) == oracle.file_hash(chunks)


def test_keyed_hashes_equal_the_oracle() -> None:
    """Chunk, node, range and blinded hashes are those of the reference."""
    chunks = _chunks(5)
    assert hashing.chunk_hash(b"abc") == oracle.chunk_hash(b"abc")
    assert hashing.object_hash(b"abc") == oracle.to_text(oracle.chunk_hash(b"abc"))
    assert hashing.node_hash(chunks) == oracle.node(chunks)
    assert hashing.range_hash([value for value, _ in chunks]) == oracle.range_hash([value for value, _ in chunks])
    assert hashing.hmac_chunk(b"k" * 32, chunks[0][0]) == oracle.keyed(b"k" * 32, chunks[0][0])
    assert hashing.hmac_chunk(hashing.NO_KEY, chunks[0][0]) == chunks[0][0]


def test_one_chunk_is_its_own_root_and_the_empty_file_is_zeros() -> None:
    """A xorb of one chunk is named by the chunk; the empty file by 64 zeros."""
    value = hashing.chunk_hash(b"x")
    assert hashing.xorb_hash([(value, 1)]) == xet_from_bytes(value)
    assert hashing.file_hash([]) == EMPTY_XET
    assert hashing.file_hash_of_chunk_list(b"") == (EMPTY_XET, 0)


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 100_000, 131_072, 1_000_000])
def test_file_hashes_equal_those_of_hf_xet(tmp_path: Path, size: int) -> None:
    """A file has here the name that the shipped client gives it."""
    data = random.Random(size).randbytes(size)
    path = tmp_path / "file"
    path.write_bytes(data)
    chunks = [(hashing.chunk_hash(chunk), len(chunk)) for chunk in oracle.chunks(data)]
    assert hashing.file_hash(chunks) == hf_xet.hash_files([str(path)])[0].hash


def test_chunk_list_round_trip_and_file_hash() -> None:
    """A chunk list gives back its chunks and recomputes to the file's name and size."""
    chunks = _chunks(300)
    data = hashing.encode_chunk_list(chunks)
    assert len(data) == 36 * 300
    assert hashing.parse_chunk_list(data) == chunks
    assert hashing.file_hash_of_chunk_list(data) == (hashing.file_hash(chunks), sum(size for _, size in chunks))


def test_builder_counts_and_hashes_what_was_added() -> None:
    """The builder knows the size and name of what it was given."""
    builder = hashing.ChunkListBuilder()
    chunks = _chunks(20)
    for value, length in chunks:
        builder.add(value, length)
    assert builder.encode() == hashing.encode_chunk_list(chunks)
    assert (builder.file_hash(), builder.size) == (hashing.file_hash(chunks), sum(size for _, size in chunks))


@pytest.mark.parametrize("data", [b"x", b"h" * 35, b"h" * 37, b"h" * 32 + bytes(4), b"h" * 32 + (131_073).to_bytes(4, "little")])
def test_malformed_chunk_lists_are_refused(data: bytes) -> None:
    """A partial record, an empty chunk and an oversize chunk are refused."""
    with pytest.raises(BadFormat):
        hashing.parse_chunk_list(data)
    with pytest.raises(BadFormat):
        hashing.file_hash_of_chunk_list(data)


def test_wrong_shapes_are_programming_errors() -> None:
    """Hashes of another length and unequal counts never enter a tree."""
    with pytest.raises(ValueError, match="32 bytes"):
        hashing.ChunkListBuilder().add(b"short", 1)
    with pytest.raises(ValueError, match="as many sizes"):
        hashing.tree_root(b"x" * 32, [])
