"""The directory of a zip archive, as each of its readers would find it: nothing is guessed, every disagreement is kept.

Readers differ in where they look: CPython takes the last end record and moves all offsets when something was put in front,
miniz (PyTorch) believes the offset in the record, streaming readers never look at the end. This module reads all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from struct import Struct

from hanse.scan.budget import MIB, Budget
from hanse.scan.source import Source

LOCAL_MAGIC = b"PK\x03\x04"
CENTRAL_MAGIC = b"PK\x01\x02"
END_MAGIC = b"PK\x05\x06"
_END = Struct("<4s4H2LH")
_END64 = Struct("<4sQ2H2L4Q")
_LOCATOR = Struct("<4sLQL")
_CENTRAL = Struct("<4s4B4H3L5H2L")
_LOCAL = Struct("<4s2B4H3L2H")
TAIL_BYTES = 65_535 + _END.size
MAX_DIRECTORY = 16 * MIB
MAX_ENTRIES = 20_000
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
UTF8 = 0x800
DESCRIPTOR = 0x8
ENTRY_COST = 100
MAX_MARKS, MAX_ENDS = 3_000, 8
"""How many marks of an end record are looked at, and how many records are followed."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a central or local header says of a member.

    at: of the header; name: raw as text; start: of its data (local) or of its local header (central).
    """

    at: int
    raw: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    start: int
    system: int = 0
    attributes: int = 0
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class Directory:
    """One central directory.

    reader: who finds it; shift: bytes in front of the archive that its offsets leave out; defect: what is wrong behind the
    entries that could be read, with its place; cut: there are more entries than are read.
    """

    reader: str
    start: int
    size: int
    count: int
    shift: int
    entries: tuple[Header, ...]
    defect: tuple[str, int] | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """An end record. at: of the record; start, size, count: of the directory it names; comment: length it says."""

    at: int
    disk: int
    count: int
    size: int
    start: int
    comment: int
    zip64: bool = False
    head: int = 0
    """Where the records that end the archive begin (the zip64 record if there is one)."""


def decode_name(raw: bytes, flags: int) -> str:
    """Return a member's name as readers decode it: UTF-8 if it says so, else code page 437."""
    if raw.isascii():
        return raw.decode("ascii")
    return raw.decode("utf-8", "backslashreplace") if flags & UTF8 else raw.decode("cp437")


def find_ends(source: Source) -> list[End]:
    """Return the end records that some reader would take, the one that CPython takes first; none: not a zip archive."""
    tail_at = max(0, source.size - TAIL_BYTES)
    tail = source.read_at(tail_at, TAIL_BYTES)
    found: list[End] = []
    place = tail.rfind(END_MAGIC)
    for _ in range(MAX_MARKS):
        if place < 0 or len(found) >= MAX_ENDS:
            break
        if place + _END.size <= len(tail):
            _, disk, _, _, count, size, start, comment = _END.unpack_from(tail, place)
            if not found or place + _END.size + comment == len(tail):
                found.append(End(tail_at + place, disk, count, size, start, comment, head=tail_at + place))
        place = tail.rfind(END_MAGIC, 0, place)
    return found


def _zip64(source: Source, end: End) -> Iterator[End]:
    """Yield what the zip64 records say that go with an end record."""
    locator = source.read_at(end.at - _LOCATOR.size, _LOCATOR.size)
    if len(locator) < _LOCATOR.size or not locator.startswith(b"PK\x06\x07"):
        return
    _, _, offset, _ = _LOCATOR.unpack(locator)
    # CPython looks right in front of the locator, others where the locator points to.
    for place in dict.fromkeys((end.at - _LOCATOR.size - _END64.size, offset)):
        record = source.read_at(place, _END64.size)
        if len(record) == _END64.size and record.startswith(b"PK\x06\x06"):
            _, _, _, _, disk, _, _, count, size, start = _END64.unpack(record)
            yield End(end.at, disk, count, size, start, end.comment, zip64=True, head=place)


def directories(source: Source, ends: list[End], budget: Budget) -> Iterator[Directory]:
    """Yield the directory of every reader, CPython's first; raises OverBudget."""
    seen: set[tuple[int, int, int]] = set()
    for end in ends:
        wide = list(_zip64(source, end))
        for one in wide if any(_agree(end, other) for other in wide) else [*wide, end]:
            for reader, start, shift in _places(source, one):
                if (start, shift, one.size) not in seen:
                    seen.add((start, shift, one.size))
                    yield _directory(source, Directory(reader, start, one.size, one.count, shift, ()), budget)


def _agree(end: End, wide: End) -> bool:
    """Tell whether an end record says what a zip64 record says or leaves it to that, so that no reader needs both.

    Then every reader takes the place in front of the zip64 record as the directory's end; counted from the end record itself,
    a directory that is 76 bytes further on would be one that nobody reads.
    """
    return end.count in {wide.count, FULL16} and end.size in {wide.size, FULL32} and end.start in {wide.start, FULL32}


def _places(source: Source, end: End) -> Iterator[tuple[str, int, int]]:
    """Yield (reader, start of the directory, shift of its offsets)."""
    behind = end.head - end.size
    shift = behind - end.start
    if shift >= 0 and (not end.size or source.read_at(behind, 4) == CENTRAL_MAGIC):
        yield "cpython", behind, shift
    if shift and source.read_at(end.start, 4) == CENTRAL_MAGIC:
        yield "miniz", end.start, 0


def _directory(source: Source, found: Directory, budget: Budget) -> Directory:
    """Return the directory with its entries, as far as they are whole and within MAX_ENTRIES."""
    size = min(found.size, MAX_DIRECTORY)
    budget.spend("operations", size // 16)
    data = source.read_at(found.start, size)
    entries: list[Header] = []
    defect = None
    at = 0
    while at < len(data) and len(entries) < MAX_ENTRIES:
        budget.spend("operations", ENTRY_COST)
        if at + _CENTRAL.size > len(data) or data[at : at + 4] != CENTRAL_MAGIC:
            defect = ("the central directory holds something else than entries", found.start + at)
            break
        header, at = _central(data, at, found.start, found.shift)
        if at > len(data):
            defect = ("an entry of the central directory reaches beyond its end", header.at)
            break
        entries.append(header)
    if not defect and at >= found.size and len(entries) != found.count & FULL16 and len(entries) != found.count:
        defect = (f"the archive says it has {found.count} entries and lists {len(entries)}", found.start)
    return replace(found, entries=tuple(entries), defect=defect, cut=not defect and at < found.size)


def _central(data: bytes, at: int, start: int, shift: int) -> tuple[Header, int]:
    field = _CENTRAL.unpack_from(data, at)
    flags, method, crc, packed, size = field[5], field[6], *field[9:12]
    name_length, extra_length, comment_length = field[12:15]
    names = at + _CENTRAL.size
    extra = data[names + name_length : names + name_length + extra_length]
    size, packed, offset = _wide(extra, size, packed, field[18])
    raw = data[names : names + name_length]
    header = Header(
        at=start + at,
        raw=raw,
        name=decode_name(raw, flags),
        flags=flags,
        method=method,
        crc=crc,
        packed=packed,
        size=size,
        start=offset + shift,
        system=field[2],
        attributes=field[17],
        extra=extra,
    )
    return header, names + name_length + extra_length + comment_length


def extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (id, data) of the extra fields, as far as they are whole."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = extra[at] | extra[at + 1] << 8, extra[at + 2] | extra[at + 3] << 8
        if at + 4 + length > len(extra):
            return
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Return sizes and offset with the zip64 field in place of those that say 0xFFFFFFFF."""
    if FULL32 not in {size, packed, offset}:
        return size, packed, offset
    data = next((value for kind, value in extras(extra) if kind == 1), b"")
    values = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data) - 7, 8)]
    return tuple(values.pop(0) if one == FULL32 and values else one for one in (size, packed, offset))  # type: ignore[return-value]


def read_local(source: Source, at: int) -> Header | None:
    """Return the local header at `at`, if there is one."""
    head = source.read_at(at, _LOCAL.size + 256)
    if len(head) < _LOCAL.size or not head.startswith(LOCAL_MAGIC):
        return None
    _, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(head)
    start = _LOCAL.size + name_length + extra_length
    if start > len(head):
        head += source.read_at(at + len(head), start - len(head))
    extra = head[_LOCAL.size + name_length : start]
    size, packed, _ = _wide(extra, size, packed, 0)
    raw = head[_LOCAL.size : _LOCAL.size + name_length]
    return Header(at, raw, decode_name(raw, flags), flags, method, crc, packed, size, at + start, extra=extra)


def descriptor_length(source: Source, at: int, crc: int, packed: int) -> int:
    """Return the length of the data descriptor at `at` that goes with these values; 0 if there is none."""
    data = source.read_at(at, 24)
    lead = 4 if data.startswith(b"PK\x07\x08") else 0
    if int.from_bytes(data[lead : lead + 4], "little") != crc:
        return 0
    short = int.from_bytes(data[lead + 4 : lead + 8], "little") == packed & FULL32
    if short and data[lead + 12 : lead + 14] == b"PK":
        # Of an empty member the eight zeros are two sizes of four bytes, when a header follows them.
        return lead + 12
    if int.from_bytes(data[lead + 4 : lead + 12], "little") == packed and len(data) >= lead + 20:
        return lead + 20
    return lead + 12 if short else 0
