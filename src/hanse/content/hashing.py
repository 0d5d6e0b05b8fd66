"""Xet hashes of chunks, xorbs, files and term ranges, and the chunk list of a file (Xet specification, hub-api.md B.4).

Inside this package a hash is 32 raw bytes; what leaves it as the name of a xorb or file is the string form, `XetHash`. A
*chunk list* is the object that makes every chunk of a file checkable: 36 bytes per chunk, its hash and its raw length as
little-endian u32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from hanse.errors import BadFormat
from hanse.model.digest import EMPTY_XET, XetHash, xet_from_bytes

HASH_BYTES = 32
MAX_CHUNK_BYTES = 128 * 1024
CHUNK_RECORD_BYTES = 36
NO_KEY = bytes(HASH_BYTES)
"""The all-zero key: file hashes are keyed with it, and a dedup shard under it is not keyed at all."""

_DATA_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_RANGE_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
_MAX_FANOUT = 9
_MIN_FANOUT = 3
_ROWS_AT_ONCE = 4096
_HEX_PAIRS = np.frombuffer(bytes(range(256)).hex().encode("ascii"), dtype=np.uint16)
_SEPARATOR = np.frombuffer(b" : ", dtype=np.uint8)

CHUNK_RECORD = np.dtype([("hash", "V32"), ("length", "<u4")])
"""One record of a chunk list."""


def chunk_hash(data: bytes | bytearray | memoryview) -> bytes:
    """Return the 32-byte hash of one chunk's raw bytes."""
    return blake3(data, key=_DATA_KEY).digest()


def object_hash(data: bytes | bytearray | memoryview) -> XetHash:
    """Return the Xet name of a whole byte string that is not chunked, such as a shard."""
    return xet_from_bytes(chunk_hash(data))


def node_hash(children: Sequence[tuple[bytes, int]]) -> tuple[bytes, int]:
    """Return hash and size of the inner node over `children` (32-byte hash, size in bytes)."""
    lines = "".join(f"{xet_from_bytes(child)} : {size}\n" for child, size in children)
    return blake3(lines.encode("ascii"), key=_NODE_KEY).digest(), sum(size for _, size in children)


def tree_root(hashes: bytes, sizes: Sequence[int] | NDArray[np.int64]) -> bytes:
    """Return the 32-byte root over concatenated 32-byte `hashes` and as many `sizes` (bytes); zeros when there are none.

    One chunk is its own root.
    """
    if len(hashes) != HASH_BYTES * len(sizes):
        raise ValueError("as many sizes as hashes are needed")
    level = hashes
    level_sizes = np.asarray(sizes, dtype=np.int64)
    while len(level_sizes) > 1:
        level, level_sizes = _next_level(level, level_sizes)
    return level or NO_KEY


def _next_level(hashes: bytes, sizes: NDArray[np.int64]) -> tuple[bytes, NDArray[np.int64]]:
    """Return hashes and sizes of the parents of one tree level."""
    words = np.frombuffer(hashes, dtype="<u8").reshape(-1, 4)
    text, line_ends = _node_lines(words, sizes)
    cuts = _cuts(words[:, 3])
    parents = bytearray()
    start = 0
    for end in line_ends[np.asarray(cuts) - 1].tolist():
        parents += blake3(text[start:end], key=_NODE_KEY).digest()
        start = end
    return bytes(parents), np.add.reduceat(sizes, [0, *cuts[:-1]])


def _node_lines(words: NDArray[np.uint64], sizes: NDArray[np.int64]) -> tuple[bytes, NDArray[np.int64]]:
    """Return the lines `{hash string} : {size}` of a tree level and where each ends.

    All lines are laid out as rows of equal width, blocks of rows at a time, and the unused leading digits are then dropped.
    """
    places = len(str(int(sizes.max())))
    powers = 10 ** np.arange(places - 1, -1, -1, dtype=np.int64)
    texts = []
    ends = np.empty(len(sizes), dtype=np.int64)
    for at in range(0, len(sizes), _ROWS_AT_ONCE):
        block = sizes[at : at + _ROWS_AT_ONCE, None] // powers
        rows = np.full((len(block), 68 + places), ord("\n"), dtype=np.uint8)
        rows[:, :64] = _HEX_PAIRS[words[at : at + _ROWS_AT_ONCE].byteswap().view(np.uint8)].view(np.uint8)
        rows[:, 64:67] = _SEPARATOR
        rows[:, 67:-1] = block % 10 + ord("0")
        keep = np.ones(rows.shape, dtype=np.bool_)
        keep[:, 67:-2] = block[:, :-1] > 0
        ends[at : at + _ROWS_AT_ONCE] = keep.sum(axis=1)
        texts.append(rows[keep].tobytes())
    return b"".join(texts), np.cumsum(ends)


def _cuts(last_words: NDArray[np.uint64]) -> list[int]:
    """Return the end of every group of siblings, given the last u64 of every hash of the level.

    A group ends after its first member, from the third on, whose last word is divisible by four, or after nine.
    """
    count = len(last_words)
    at_or_after = np.full(count + 1, count, dtype=np.int64)
    marks = np.flatnonzero(last_words % np.uint64(4) == 0)
    at_or_after[marks] = marks
    nearest: list[int] = np.minimum.accumulate(at_or_after[::-1])[::-1].tolist()
    cuts = []
    start = 0
    while start < count:
        third = start + _MIN_FANOUT - 1
        end = min(start + _MAX_FANOUT, count)
        if third < count:
            end = min(nearest[third] + 1, end)
        cuts.append(end)
        start = end
    return cuts


def xorb_hash(chunks: Sequence[tuple[bytes, int]]) -> XetHash:
    """Return the name of the xorb made of `chunks` (32-byte hash, raw length in bytes)."""
    return xet_from_bytes(tree_root(b"".join(item for item, _ in chunks), [size for _, size in chunks]))


def file_hash(chunks: Sequence[tuple[bytes, int]]) -> XetHash:
    """Return the name of the file made of `chunks` (32-byte hash, raw length in bytes); the empty file is all zeros."""
    return _file_name(b"".join(item for item, _ in chunks), [size for _, size in chunks])


def _file_name(hashes: bytes, sizes: Sequence[int] | NDArray[np.int64]) -> XetHash:
    """Return the file name over concatenated hashes and sizes."""
    if not hashes:
        return EMPTY_XET
    return xet_from_bytes(blake3(tree_root(hashes, sizes), key=NO_KEY).digest())


def range_hash(hashes: Iterable[bytes]) -> bytes:
    """Return the 32-byte verification hash of a term: keyed over the hashes of its chunks, in order."""
    return blake3(b"".join(hashes), key=_RANGE_KEY).digest()


def hmac_chunk(key: bytes, value: bytes) -> bytes:
    """Return chunk hash `value` blinded under a 32-byte `key`, as in dedup shards; the all-zero key leaves it as it is."""
    return value if key == NO_KEY else blake3(value, key=key).digest()


class ChunkListBuilder:
    """Collects the chunks of a file in order, 36 bytes of memory each."""

    def __init__(self) -> None:
        self._records = bytearray()
        self.size = 0

    def add(self, value: bytes, length: int) -> None:
        """Append a chunk: its 32-byte hash and raw length in bytes."""
        if len(value) != HASH_BYTES:
            raise ValueError(f"a chunk hash has {HASH_BYTES} bytes, got {len(value)}")
        self._records += value
        self._records += length.to_bytes(4, "little")
        self.size += length

    def encode(self) -> bytes:
        """Return the chunk list so far."""
        return bytes(self._records)

    def file_hash(self) -> XetHash:
        """Return the name of the file made of the chunks so far."""
        return file_hash_of_chunk_list(bytes(self._records))[0]


def encode_chunk_list(chunks: Iterable[tuple[bytes, int]]) -> bytes:
    """Return the chunk list of `chunks` (32-byte hash, raw length in bytes)."""
    builder = ChunkListBuilder()
    for value, length in chunks:
        builder.add(value, length)
    return builder.encode()


def chunk_records(data: bytes) -> NDArray[np.void]:
    """Return the records of a chunk list as an array of `CHUNK_RECORD` over the same memory.

    Raises BadFormat on a partial record or a length outside 1 to 131,072 bytes.
    """
    if len(data) % CHUNK_RECORD_BYTES:
        raise BadFormat(f"a chunk list has {CHUNK_RECORD_BYTES} bytes per chunk, got {len(data)} bytes")
    records = np.frombuffer(data, dtype=CHUNK_RECORD)
    lengths = records["length"]
    if len(lengths) and (int(lengths.min()) < 1 or int(lengths.max()) > MAX_CHUNK_BYTES):
        raise BadFormat(f"a chunk has 1 to {MAX_CHUNK_BYTES} bytes, the list names {lengths.min()} to {lengths.max()}")
    return records


def parse_chunk_list(data: bytes) -> list[tuple[bytes, int]]:
    """Return (32-byte hash, raw length) of every chunk of a chunk list; raises BadFormat."""
    lengths = chunk_records(data)["length"].tolist()
    step = CHUNK_RECORD_BYTES
    return [(data[step * at : step * at + HASH_BYTES], length) for at, length in enumerate(lengths)]


def file_hash_of_chunk_list(data: bytes) -> tuple[XetHash, int]:
    """Return name and size in bytes of the file whose chunk list is `data`; raises BadFormat."""
    records = chunk_records(data)
    lengths = records["length"].astype(np.int64)
    return _file_name(records["hash"].tobytes(), lengths), int(lengths.sum())
