"""The header of a 7z archive: folders of packed streams, their coders, and the files inside. Nothing is unpacked here."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from struct import Struct

from hanse.scan.budget import Budget
from hanse.scan.inflate import BZIP2, DEFLATE, STORED, ZSTD, Codec, branch_filter, lzma1, lzma2
from hanse.scan.walk import Malformed

MAGIC = b"7z\xbc\xaf\x27\x1c"
SIGNATURE = Struct("<6s2BLQQL")
MAX_HEADER = 4 * 1024 * 1024
MAX_COUNT = 20_000
END, HEADER, PACKED, UNPACKED, SUBSTREAMS, SIZE, CRC, FOLDER, SIZES, COUNT = 0, 1, 6, 7, 8, 9, 10, 11, 12, 13
FILES, NAMES, EMPTY, EMPTY_FILE, ADDITIONAL, ENCODED = 5, 17, 14, 15, 3, 23
AES = b"\x06\xf1\x07\x01"


@dataclass(slots=True)
class Folder:
    """Coders applied to one or more packed streams.

    coders: (method, properties), the one that makes the files first; simple: a chain of coders with one input and output each;
    main: which of the outputs are the files.
    """

    coders: list[tuple[bytes, bytes]]
    simple: bool
    outputs: int
    inputs: int
    main: int = 0
    sizes: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Length of what the folder unpacks to, 0 if unknown."""
        return self.sizes[self.main] if self.main < len(self.sizes) else 0

    def codec(self) -> Codec | None:
        """Return how the folder is unpacked; None for methods that are not read."""
        if not self.simple or len(self.coders) > 2:
            return None
        method, properties = self.coders[-1]
        before = branch_filter(*self.coders[0]) if len(self.coders) == 2 else None
        if len(self.coders) == 2 and before is None:
            return None
        if method in {b"\x03\x01\x01", b"\x21"}:
            return (lzma2 if method == b"\x21" else lzma1)(properties, before)
        plain = {b"\x00": STORED, b"\x04\x01\x08": DEFLATE, b"\x04\x02\x02": BZIP2, b"\x04\xf7\x11\x01": ZSTD}
        return None if before else plain.get(method)


@dataclass(slots=True)
class Streams:
    """Packed streams and what they hold.

    start: from the end of the signature header; parts: sizes of the files in each folder.
    """

    start: int = 0
    packed: list[int] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    parts: list[list[int]] = field(default_factory=list)


class Reader:
    """A cursor over header bytes; every step raises Malformed past the end and is charged."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        self._data = data
        self._at = 0
        self._budget = budget

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        self._budget.spend("operations", 3 + length // 64)
        if length < 0 or self._at + length > len(self._data):
            raise Malformed("the 7z header is cut", self._at)
        self._at += length
        return self._data[self._at - length : self._at]

    def byte(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """Return a number: the leading ones of the first byte tell how many bytes follow."""
        first = self.byte()
        extra = 0
        while extra < 8 and first & (0x80 >> extra):
            extra += 1
        low = int.from_bytes(self.take(extra), "little")
        return low + ((first & ((0x80 >> extra) - 1)) << 8 * extra) if extra < 8 else low

    def count(self) -> int:
        """Return a number of things, at most MAX_COUNT."""
        found = self.number()
        if found > MAX_COUNT:
            raise Malformed("the 7z header counts more than there can be", self._at)
        return found

    def bits(self, count: int) -> list[bool]:
        """Return a bit vector."""
        data = self.take((count + 7) // 8)
        return [bool(data[place // 8] & (0x80 >> place % 8)) for place in range(count)]

    def digests(self, count: int) -> list[bool]:
        """Skip checksums; tell which of `count` streams had one."""
        given = [True] * count if self.byte() else self.bits(count)
        self.take(4 * sum(given))
        return given


def check(data: bytes, crc: int) -> None:
    """Raise Malformed unless the header's checksum holds."""
    if zlib.crc32(data) != crc:
        raise Malformed("the checksum of the 7z header is wrong", 12)


def streams(reader: Reader) -> Streams:
    """Return the streams that a header describes."""
    found = Streams()
    given: list[bool] = []
    while (kind := reader.number()) != END:
        if kind == PACKED:
            _packed(reader, found)
        elif kind == UNPACKED:
            given = _unpacked(reader, found)
            found.parts = [[folder.size] for folder in found.folders]
        elif kind == SUBSTREAMS:
            _substreams(reader, found, given)
        else:
            raise Malformed(f"the 7z header has an unknown part {kind}")
    return found


def _packed(reader: Reader, found: Streams) -> None:
    found.start = reader.number()
    count = reader.count()
    while (kind := reader.number()) != END:
        if kind == SIZE:
            found.packed = [reader.number() for _ in range(count)]
        elif kind == CRC:
            reader.digests(count)
        else:
            raise Malformed(f"the 7z header has an unknown part {kind} among packed streams")


def _unpacked(reader: Reader, found: Streams) -> list[bool]:
    if reader.number() != FOLDER:
        raise Malformed("the 7z header has no folders")
    count = reader.count()
    if reader.byte():
        raise Malformed("the 7z header keeps its folders elsewhere")
    found.folders = [_folder(reader) for _ in range(count)]
    given = [False] * count
    while (kind := reader.number()) != END:
        if kind == SIZES:
            for folder in found.folders:
                folder.sizes = [reader.number() for _ in range(folder.outputs)]
        elif kind == CRC:
            given = reader.digests(count)
        else:
            raise Malformed(f"the 7z header has an unknown part {kind} among folders")
    return given


def _folder(reader: Reader) -> Folder:
    coders: list[tuple[bytes, bytes]] = []
    inputs = outputs = 0
    count = reader.count()
    if not 0 < count <= 4:
        raise Malformed("a 7z folder has no or too many coders")
    for _ in range(count):
        flags = reader.byte()
        method = reader.take(flags & 15)
        ins, outs = (reader.count(), reader.count()) if flags & 16 else (1, 1)
        properties = reader.take(reader.count()) if flags & 32 else b""
        coders.append((method, properties))
        inputs, outputs = inputs + ins, outputs + outs
    if not 0 < outputs <= inputs + 1 <= 64:
        raise Malformed("a 7z folder has too many streams")
    binds = [(reader.number(), reader.number()) for _ in range(outputs - 1)]
    packed = inputs - (outputs - 1)
    if packed > 1:
        for _ in range(packed):
            reader.number()
    main = next((place for place in range(outputs) if all(place != out for _, out in binds)), 0)
    simple = inputs == outputs == count
    if simple and count == 2:
        coders = [coders[main], coders[1 - main]]
    return Folder(coders, simple, outputs, max(1, packed), main)


def _substreams(reader: Reader, found: Streams, given: list[bool]) -> None:
    counts = [1] * len(found.folders)
    kind = reader.number()
    if kind == COUNT:
        counts = [reader.count() for _ in found.folders]
        kind = reader.number()
    if sum(counts) > MAX_COUNT:
        raise Malformed("the 7z header counts more files than there can be")
    sizes: list[list[int]] = []
    for folder, count in zip(found.folders, counts, strict=True):
        some = [reader.number() for _ in range(count - 1)] if kind == SIZE else []
        if sum(some) > folder.size:
            raise Malformed("files in a 7z folder are larger than the folder")
        sizes.append([*some, folder.size - sum(some)] if count else [])
    found.parts = sizes
    if kind == SIZE:
        kind = reader.number()
    while kind != END:
        if kind != CRC:
            raise Malformed(f"the 7z header has an unknown part {kind} among files")
        known = given or [False] * len(counts)
        reader.digests(sum(count for count, has in zip(counts, known, strict=True) if count != 1 or not has))
        kind = reader.number()


def files(reader: Reader) -> list[tuple[str, bool]]:
    """Return (name, has bytes) of the files, in order."""
    count = reader.count()
    names = [""] * count
    empty = [False] * count
    while (kind := reader.number()) != END:
        body = Reader(reader.take(reader.number()), reader._budget)  # noqa: SLF001
        if kind == NAMES and body.byte() == 0:
            names = [_name(body) for _ in range(count)]
        elif kind == EMPTY:
            empty = body.bits(count)
    return [(name, not no) for name, no in zip(names, empty, strict=True)]


def _name(reader: Reader) -> str:
    found = bytearray()
    while (pair := reader.take(2)) != b"\0\0":
        found += pair
    return found.decode("utf-16-le", "backslashreplace")
