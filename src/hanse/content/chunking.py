"""Content-defined chunking: the cuts every Xet client makes in the same bytes (hub-api.md B.5).

A chunk ends after the first byte at which it has at least 8 KiB and the Gear hash is marked, or at 128 KiB. Nothing but the
bytes decides, so the pieces in which a stream arrives do not matter.
"""

from __future__ import annotations

from hanse.content.gear import BLOCK, GearScanner
from hanse.content.hashing import MAX_CHUNK_BYTES

MIN_CHUNK_BYTES = 8 * 1024
TARGET_CHUNK_BYTES = 64 * 1024

# The first byte after which a chunk may end. The hash there covers bytes of this chunk only, so the reset of the hash at
# every cut needs no care.
_FIRST = MIN_CHUNK_BYTES - 1


class Chunker:
    """Cuts one stream into chunks; holds at most one chunk, one piece and 32 KiB."""

    def __init__(self) -> None:
        self._scanner = GearScanner()
        self._buffer = bytearray()
        # Both relative to the buffer, which starts with the current chunk: marks found so far, and where to look next.
        self._marks: list[int] = []
        self._next = _FIRST

    def feed(self, piece: bytes | bytearray | memoryview) -> list[bytes]:
        """Return the chunks that are complete after `piece`; tiny pieces are collected first."""
        self._buffer += piece
        return self._cut(BLOCK)

    def finish(self) -> list[bytes]:
        """Return the remaining chunks, the last of which may be short; none if all was returned. The chunker starts anew."""
        chunks = self._cut(1)
        if self._buffer:
            chunks.append(self._take(len(self._buffer)))
        return chunks

    def _cut(self, least: int) -> list[bytes]:
        """Return all chunks that can be cut while at least `least` bytes are left to look at."""
        chunks = []
        while len(self._buffer) - self._next >= least:
            end = min(self._next + BLOCK, len(self._buffer))
            self._marks += self._scanner.marks(self._buffer, self._next, end)
            self._next = end
            while self._marks or self._next >= MAX_CHUNK_BYTES:
                chunks.append(self._take(min(self._marks[0], MAX_CHUNK_BYTES) if self._marks else MAX_CHUNK_BYTES))
        return chunks

    def _take(self, end: int) -> bytes:
        """Return the chunk that ends at `end` and start the next one there."""
        with memoryview(self._buffer) as view:
            chunk = bytes(view[:end])
        del self._buffer[:end]
        self._marks = [mark - end for mark in self._marks if mark - end >= MIN_CHUNK_BYTES]
        self._next = max(self._next - end, _FIRST)
        return chunk


def split(data: bytes) -> list[bytes]:
    """Return the chunks of `data`."""
    chunker = Chunker()
    return chunker.feed(data) + chunker.finish()
