"""A place in this process: the bytes of one file, and faults that a test switches on. For what needs no network to be proved."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.places import chunks_of

from hanse.content.hashing import encode_chunk_list
from hanse.errors import HanseError
from hanse.model.filepin import FilePin
from hanse.peers.place import Place, RangesIgnored


@dataclass(eq=False)
class SimPlace:
    """Gives `data` in pieces of `step` bytes.

    wrong: offsets of bytes that it gives flipped; errors: raised by the next reads, one each; short: every answer ends after
    so many bytes; long: every answer has that many too many; ranges: it knows them, else it gives the whole file or nothing;
    gate: nothing is given while it is not set; lists: chunk list to give, None for none, "true" for the true one; asked:
    ranges that were read.
    """

    name: str
    data: bytes
    step: int = 100_000
    wrong: set[int] = field(default_factory=set)
    errors: list[HanseError] = field(default_factory=list)
    short: int | None = None
    long: int = 0
    ranges: bool = True
    gate: threading.Event | None = None
    lists: bytes | HanseError | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:  # noqa: ARG002 - a place knows its file by its pin
        """Yield bytes as the faults have it."""
        self.asked.append((start, end))
        if self.gate is not None:
            self.gate.wait(120)
        if self.errors:
            raise self.errors.pop(0)
        if not self.ranges and (start, end) != (0, len(self.data)):
            raise RangesIgnored(f"{self.name} sends a whole file where bytes {start} to {end} were asked for")
        stop = end if self.short is None else min(end, start + self.short)
        for at in range(start, stop, self.step):
            piece = bytearray(self.data[at : min(at + self.step, stop)])
            for offset in self.wrong:
                if at <= offset < at + len(piece):
                    piece[offset - at] ^= 1
            yield bytes(piece)
        if self.long:
            yield bytes(self.long)

    def chunk_list(self, pin: FilePin) -> bytes | None:  # noqa: ARG002 - as above
        """Return the chunk list that was set, or raise it."""
        if self.gate is not None:
            self.gate.wait(120)
        if isinstance(self.lists, HanseError):
            raise self.lists
        return self.lists


def true_list(data: bytes) -> bytes:
    """Return the chunk list of `data`."""
    return encode_chunk_list(chunks_of(data))


@dataclass(frozen=True)
class Halting:
    """A place that sends nothing from byte `at` on until it goes `on`."""

    place: Place
    at: int
    on: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """Host and port."""
        return self.place.name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes of a file."""
        data = b"".join(self.place.read(pin, start, end))
        cut = min(max(self.at - start, 0), len(data))
        yield data[:cut]
        if cut < len(data):
            self.on.wait(60)
        yield data[cut:]

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file."""
        return self.place.chunk_list(pin)
