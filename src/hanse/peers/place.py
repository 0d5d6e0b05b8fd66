"""A place that bytes of a file come from: a node, an upstream hub. It is believed nothing; whoever asks checks every byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, cast

from hanse.errors import PeerMisbehaved
from hanse.model.filepin import FilePin

if TYPE_CHECKING:
    from collections.abc import Generator


class RangesIgnored(PeerMisbehaved):
    """A place sends the whole file where a part was asked for, as servers may that do not know ranges: see `part_of_whole`."""


class Place(Protocol):
    """Where bytes of the files of one revision can be asked for. Safe for threads."""

    @property
    def name(self) -> str:
        """Host and port, as people are told it."""
        ...

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file in pieces of at most 1 MiB, exactly `end - start` of them.

        Closing the iterator ends the transfer. Raises NotFoundError if the place does not have the file, PeerRefused if it does
        not give it to this caller, PeerDown, PeerBusy (it fetches the file itself first), PeerTooSlow (nothing came for a while),
        PeerMisbehaved (another status, range or length than was asked for), or RangesIgnored.
        """
        ...

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file with a xet hash as the place says it, None if it has none.

        Unverified: the caller recomputes the file's hash. Form as `hanse.content.hashing.parse_chunk_list`: 32-byte hash and
        little-endian u32 length of each chunk. Raises PeerDown, PeerTooSlow, PeerMisbehaved.
        """
        ...


def part_of_whole(place: Place, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
    """Yield bytes [start, end) of a file from a place that only gives whole files; raises as `Place.read`.

    What comes before is passed over, an empty piece for each piece of it, so that the caller can end it.
    """
    at = 0
    with closing(cast("Generator[bytes]", place.read(pin, 0, pin.size))) as pieces:
        for piece in pieces:
            yield piece[max(0, start - at) : end - at]
            at += len(piece)
            if at >= end:
                return
