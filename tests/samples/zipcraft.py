"""Zip archives made header by header, so that every field can lie."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Part:
    """A member. local_*: what the header in front of the data says instead, None: the same as the directory."""

    name: bytes
    data: bytes
    flags: int = 0
    method: int = 0
    crc: int | None = None
    size: int | None = None
    attributes: int = 0o100644 << 16
    extra: bytes = b""
    listed: bool = True
    local_name: bytes | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_size: int | None = None
    described: bool = False

    @property
    def packed(self) -> bytes:
        """The bytes as they are stored."""
        if self.method != 8:
            return self.data
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        return deflate.compress(self.data) + deflate.flush()


@dataclass(frozen=True)
class Craft:
    """An archive.

    prefix, gap, suffix: bytes around and inside it; shift: whether offsets count from the start of the file; count: of entries,
    in the end record; zip64: with the records that PyTorch always writes; wide_size: what those say of the directory's length.
    """

    parts: tuple[Part, ...]
    prefix: bytes = b""
    suffix: bytes = b""
    gap: bytes = b""
    comment: bytes = b""
    shift: bool = False
    count: int | None = None
    zip64: bool = False
    wide_size: int | None = None

    def build(self) -> bytes:
        """Return the archive."""
        out = bytearray(self.prefix)
        base = 0 if self.shift else len(self.prefix)
        directory = b""
        listed = 0
        for part in self.parts:
            at = len(out)
            out += _local(part) + part.packed
            if part.described:
                out += struct.pack("<4sLLL", b"PK\x07\x08", _crc(part), len(part.packed), _size(part))
            if part.listed:
                listed += 1
                directory += _central(part, at - base)
        out += self.gap
        start = len(out) - base
        count = listed if self.count is None else self.count
        out += directory
        if self.zip64:
            size = len(directory) if self.wide_size is None else self.wide_size
            record = len(out)
            out += struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 30, 45, 0, 0, count, count, size, start)
            out += struct.pack("<4sLQL", b"PK\x06\x07", 0, record, 1)
        out += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, len(self.comment))
        return bytes(out) + self.comment + self.suffix


def _crc(part: Part) -> int:
    return zlib.crc32(part.data) if part.crc is None else part.crc


def _size(part: Part) -> int:
    return len(part.data) if part.size is None else part.size


def _local(part: Part) -> bytes:
    name = part.name if part.local_name is None else part.local_name
    flags = (part.flags if part.local_flags is None else part.local_flags) | (8 if part.described else 0)
    method = part.method if part.local_method is None else part.local_method
    size = _size(part) if part.local_size is None else part.local_size
    numbers = (0, 0, 0) if part.described else (_crc(part), len(part.packed), size)
    return struct.pack("<4s2B4H3L2H", b"PK\x03\x04", 20, 0, flags, method, 0, 33, *numbers, len(name), 0) + name


def _central(part: Part, at: int) -> bytes:
    flags = part.flags | (8 if part.described else 0)
    numbers = (_crc(part), len(part.packed), _size(part), len(part.name), len(part.extra), 0, 0, 0, part.attributes, at)
    return struct.pack("<4s4B4H3L5H2L", b"PK\x01\x02", 20, 3, 20, 0, flags, part.method, 0, 33, *numbers) + part.name + part.extra


def archive(*members: tuple[str, bytes], **changes: object) -> bytes:
    """Return a plain archive of (name, bytes), with fields of `Craft` changed."""
    plain = Craft(tuple(Part(name.encode(), data) for name, data in members))
    return replace(plain, **changes).build()  # type: ignore[arg-type]
