"""HDF5 from its bytes: superblock, addresses, object headers (HDF5 File Format Specification 3.0, sections II and IV.A).

Nothing here follows an address that leaves the file, and every read spends budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hanse.scan.budget import Budget
from hanse.scan.source import Source, pieces
from hanse.scan.walk import Malformed

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_USER_BLOCK = 1024 * 1024
READ_COST = 20
MESSAGE_COST = 25
MAX_READ = 16 * 1024 * 1024
DATATYPE, CONTINUATION = 0x03, 0x10


def find_superblock(source: Source) -> int | None:
    """Return where the superblock lies: at 0, 512, 1024 and so on, up to MAX_USER_BLOCK; None if nowhere."""
    at = 0
    while at <= MAX_USER_BLOCK and at < source.size:
        if source.read_at(at, 8) == SIGNATURE:
            return at
        at = at * 2 or 512
    return None


@dataclass(frozen=True, slots=True)
class Record:
    """One message of an object header. at: of its data, from the superblock."""

    kind: int
    flags: int
    data: bytes
    at: int

    @property
    def shared(self) -> bool:
        """Tell whether the data only say where the message really is."""
        return bool(self.flags & 2)


class Hdf5File:
    """An open file: sizes of addresses and lengths, and where the root group is.

    offsets, lengths: their sizes in bytes; root, extension: object headers of the root group and, if any, of the superblock.
    """

    def __init__(self, source: Source, budget: Budget) -> None:
        """Read the superblock; raises Malformed."""
        base = find_superblock(source)
        if base is None:
            raise Malformed("no superblock")
        self._source = source
        self._budget = budget
        self.base = base
        self.offsets = self.lengths = 8
        self.extension: int | None = None
        self.driver: int | None = None
        head = source.read_at(base, 16)
        self.version = head[8] if len(head) > 8 else 255
        if self.version <= 1:
            self._old(head)
        elif self.version <= 3:
            self._new(head)
        else:
            raise Malformed(f"superblock version {self.version}", 8)

    def _sizes(self, offsets: int, lengths: int) -> None:
        if offsets not in {2, 4, 8} or lengths not in {2, 4, 8}:
            raise Malformed("sizes of addresses and lengths", 8)
        self.offsets, self.lengths = offsets, lengths

    def _old(self, head: bytes) -> None:
        if len(head) < 16:
            raise Malformed("superblock is cut", 8)
        self._sizes(head[13], head[14])
        at = 24 + 4 * self.version
        data = self.read(at, 6 * self.offsets)
        addresses = [self.address(data, index * self.offsets) for index in range(6)]
        self.driver = addresses[3]
        self.root = self._required(addresses[5])

    def _new(self, head: bytes) -> None:
        if len(head) < 12:
            raise Malformed("superblock is cut", 8)
        self._sizes(head[9], head[10])
        data = self.read(12, 4 * self.offsets)
        self.extension = self.address(data, self.offsets)
        self.root = self._required(self.address(data, 3 * self.offsets))

    @staticmethod
    def _required(address: int | None) -> int:
        if address is None:
            raise Malformed("no root group")
        return address

    def spend(self, count: int) -> None:
        """Spend operations."""
        self._budget.spend("operations", count)

    def read(self, at: int, length: int) -> bytes:
        """Return `length` bytes at an address; raises Malformed if they are not all there."""
        self._budget.spend("operations", READ_COST)
        if not 0 <= length <= MAX_READ:
            raise Malformed(f"a block of {length} bytes", at)
        if self.base + at + length > self._source.size:
            raise Malformed("an address leads out of the file", at)
        self._budget.spend("operations", length // 128)
        data = self._source.read_at(self.base + at, length)
        if len(data) != length:
            raise Malformed("an address leads out of the file", at)
        return data

    def find(self, mark: bytes) -> Iterator[int]:
        """Yield every address, a multiple of 8, at which a mark of at most 8 bytes stands."""
        at = self.base
        for piece in pieces(self._source, self.base):
            self._budget.spend("operations", len(piece) // 256)
            place = piece.find(mark)
            while place >= 0:
                if place % 8 == 0:
                    self._budget.spend("operations", READ_COST)
                    yield at + place - self.base
                place = piece.find(mark, place + 1)
            at += len(piece)

    def number(self, data: bytes, at: int, size: int) -> int:
        """Return a little-endian number inside `data`; raises Malformed if it is cut."""
        if at + size > len(data):
            raise Malformed("a structure is cut")
        return int.from_bytes(data[at : at + size], "little")

    def address(self, data: bytes, at: int) -> int | None:
        """Return an address inside `data`, None for the undefined one."""
        value = self.number(data, at, self.offsets)
        return None if value == (1 << 8 * self.offsets) - 1 else value

    def length(self, data: bytes, at: int) -> int:
        """Return a length inside `data`."""
        return self.number(data, at, self.lengths)

    def messages(self, at: int) -> Iterator[Record]:
        """Yield the messages of the object header at an address, continuations included; raises Malformed."""
        start = self.read(at, 6)
        if start[:4] == b"OHDR":
            yield from self._modern(at, start)
        elif start[0] == 1:
            yield from self._classic(at, self.read(at, 16))
        else:
            raise Malformed("no object header", at)

    def _blocks(self, blocks: list[tuple[int, int]]) -> Iterator[tuple[int, int, bytes]]:
        """Yield place, size and bytes of the blocks of a header, also of those that are added on the way."""
        seen = set()
        while blocks:
            place, size = blocks.pop(0)
            if place in seen:
                raise Malformed("an object header continues in itself", place)
            seen.add(place)
            yield place, size, self.read(place, size)

    def _classic(self, at: int, start: bytes) -> Iterator[Record]:
        left = int.from_bytes(start[2:4], "little")
        blocks = [(at + 16, int.from_bytes(start[8:12], "little"))]
        for place, size, data in self._blocks(blocks):
            position = 0
            while position + 8 <= size and left > 0:
                self.spend(MESSAGE_COST)
                kind, length = (
                    int.from_bytes(data[position : position + 2], "little"),
                    int.from_bytes(data[position + 2 : position + 4], "little"),
                )
                body = data[position + 8 : position + 8 + length]
                if len(body) < length:
                    raise Malformed("a message is longer than its block", place + position)
                left -= 1
                if kind == CONTINUATION:
                    blocks.append(self._continuation(body))
                yield Record(kind, data[position + 4], body, place + position + 8)
                position += 8 + length

    def _continuation(self, body: bytes) -> tuple[int, int]:
        address = self.address(body, 0)
        if address is None:
            raise Malformed("an object header continues nowhere")
        return address, self.length(body, self.offsets)

    def _modern(self, at: int, start: bytes) -> Iterator[Record]:
        flags = start[5]
        where = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = self.number(self.read(at + where, width), 0, width)
        head = 6 if flags & 4 else 4
        blocks = [(at + where + width, size)]
        for place, size, data in self._blocks(blocks):
            position = 0
            while position + head <= size:
                self.spend(MESSAGE_COST)
                length = int.from_bytes(data[position + 1 : position + 3], "little")
                body = data[position + head : position + head + length]
                if len(body) < length:
                    raise Malformed("a message is longer than its block", place + position)
                if data[position] == CONTINUATION:
                    blocks.append(self._chunk(body))
                yield Record(data[position], data[position + 3], body, place + position + head)
                position += head + length

    def _chunk(self, body: bytes) -> tuple[int, int]:
        """Return where the messages of a continuation block lie: behind its signature, before its checksum."""
        address, length = self._continuation(body)
        if length < 8 or self.read(address, 4) != b"OCHK":
            raise Malformed("no continuation block", address)
        return address + 4, length - 8

    def shared_at(self, data: bytes) -> int | None:
        """Return the object header that a shared message lies in, None if it is in the file's heap of shared messages."""
        if len(data) < 2:
            raise Malformed("a shared message is cut")
        version, kind = data[0], data[1]
        if version == 1:
            return self.address(data, 8)
        return None if version >= 3 and kind == 1 else self.address(data, 2)
