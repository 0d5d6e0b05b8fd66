"""Making xorbs from chunks, with the table of what was made (hub-api.md B.6)."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

from hanse.content.compression import Scheme, compress, compress_best
from hanse.content.hashing import HASH_BYTES, MAX_CHUNK_BYTES, chunk_hash, tree_root
from hanse.content.xorb import MAX_XORB_CHUNKS, ChunkHeader, XorbTable, make_table
from hanse.errors import TooLarge
from hanse.model.digest import Blake3, xet_from_bytes

FULL_XORB_BYTES = 64 * 1024 * 1024
"""Raw bytes up to which a xorb is filled."""


class XorbWriter:
    """Collects chunks into one xorb.

    `scheme` None chooses the smallest form per chunk; another one is used for every chunk that it makes smaller, so that a
    xorb that is full in raw bytes never exceeds the stored bound.
    """

    def __init__(self, scheme: Scheme | None = Scheme.NONE) -> None:
        self._scheme = scheme
        self._parts: list[bytes] = []
        self._stored_size = 0
        self._digest = blake3()
        self._hashes = bytearray()
        self._ends: list[int] = []
        self._lengths: list[int] = []
        self._schemes = bytearray()
        self.raw_size = 0

    @property
    def count(self) -> int:
        """Number of chunks so far."""
        return len(self._ends)

    def fits(self, length: int) -> bool:
        """Tell whether a further chunk of raw `length` bytes still belongs into this xorb."""
        return self.count < MAX_XORB_CHUNKS and self.raw_size + length <= FULL_XORB_BYTES

    def add(self, raw: bytes | memoryview, value: bytes | None = None) -> int:
        """Append a chunk and return its number; `value` is its 32-byte hash where it is known already.

        Raises TooLarge if the chunk is empty or over 128 KiB, or the xorb is full.
        """
        length = len(raw)
        if not 0 < length <= MAX_CHUNK_BYTES or not self.fits(length):
            raise TooLarge(
                f"a chunk has 1 to {MAX_CHUNK_BYTES} bytes and a xorb at most {MAX_XORB_CHUNKS} chunks; got {length} bytes",
                hint="start another xorb when `fits` says no",
            )
        scheme, payload = compress_best(raw) if self._scheme is None else (self._scheme, compress(raw, self._scheme))
        if len(payload) >= length:
            scheme, payload = Scheme.NONE, bytes(raw)
        for part in (ChunkHeader(scheme, len(payload), length).encode(), payload):
            self._parts.append(part)
            self._digest.update(part)
            self._stored_size += len(part)
        self._hashes += chunk_hash(raw) if value is None else value
        self._ends.append(self._stored_size)
        self._lengths.append(length)
        self._schemes.append(scheme)
        self.raw_size += length
        return self.count - 1

    def finish(self) -> tuple[bytes, XorbTable]:
        """Return the serialised xorb and its table; the writer must hold at least one chunk."""
        if len(self._hashes) != HASH_BYTES * self.count or not self.count:
            raise ValueError("a xorb has at least one chunk, each with a 32-byte hash")
        hashes = bytes(self._hashes)
        name = xet_from_bytes(tree_root(hashes, self._lengths))
        digest = Blake3(self._digest.hexdigest())
        table = make_table(name, digest, hashes, ends=self._ends, lengths=self._lengths, schemes=bytes(self._schemes))
        return b"".join(self._parts), table


def serialise(chunks: Iterable[bytes], scheme: Scheme | None = Scheme.NONE) -> tuple[bytes, XorbTable]:
    """Return the xorb made of the raw `chunks` and its table; `scheme` None chooses the smallest form per chunk.

    Raises TooLarge if they do not fit into one xorb.
    """
    writer = XorbWriter(scheme)
    for chunk in chunks:
        writer.add(chunk)
    return writer.finish()
