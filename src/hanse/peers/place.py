"""A place that bytes of a file come from: a node, an upstream hub. It is believed nothing; whoever asks checks every byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from hanse.model.filepin import FilePin


class Place(Protocol):
    """Where bytes of the files of one revision can be asked for. Safe for threads."""

    @property
    def name(self) -> str:
        """Host and port, as people are told it."""
        ...

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file in pieces of at most 1 MiB, exactly `end - start` of them.

        Closing the iterator ends the transfer. Raises NotFoundError if the place does not have the file, PeerRefused if it does
        not give it to this caller, PeerDown, PeerTooSlow (nothing came for a while), or PeerMisbehaved (another status, range or
        length than was asked for).
        """
        ...

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file with a xet hash as the place says it, None if it has none.

        Unverified: the caller recomputes the file's hash. Form as `hanse.content.hashing.parse_chunk_list`: 32-byte hash and
        little-endian u32 length of each chunk. Raises PeerDown, PeerTooSlow, PeerMisbehaved.
        """
        ...
