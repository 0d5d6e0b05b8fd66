"""What is in a member of a zip archive: its bytes as a source, whether its checksum holds, whether it is really encrypted."""

from __future__ import annotations

import zlib

from hanse.scan.budget import MIB, Budget
from hanse.scan.inflate import BZIP2, DEFLATE, ZSTD, Codec, InflatedSource, lzma1
from hanse.scan.source import SliceSource, Source, pieces
from hanse.scan.zipread import Header

STORED_METHOD, AES_METHOD = 0, 99
ENCRYPTED, PATCHED, STRONG, MASKED = 0x1, 0x20, 0x40, 0x2000
REFUSED = ENCRYPTED | PATCHED | STRONG | MASKED
"""Flags for which some readers refuse a member, while others never look at them."""
UNPACK_COST = 700
CHECK_BYTES = 64 * 1024
CODE_CHECK_BYTES = MIB
CODE_ENDINGS = (".pkl", ".py", ".json", ".yaml", ".yml", ".txt", "/version")


def content(source: Source, entry: Header, start: int, budget: Budget) -> Source | None:
    """Return the bytes that a member unpacks to, without reading them; None for a compression that is not read.

    entry: the header whose method and sizes are believed; start: where the data is.
    """
    packed = SliceSource(source, start, entry.packed)
    if entry.method == STORED_METHOD:
        return SliceSource(source, start, min(entry.packed, entry.size) if entry.size else entry.packed)
    budget.spend("operations", UNPACK_COST)
    codec: Codec | None = {8: DEFLATE, 12: BZIP2, 20: ZSTD, 93: ZSTD}.get(entry.method)
    if entry.method == 14:
        head = packed.read_at(0, 9)
        codec = lzma1(head[4:9]) if head[2:4] == b"\x05\x00" else None
        packed = SliceSource(source, start + 9, entry.packed - 9)
    return InflatedSource(packed, codec, budget, entry.size) if codec else None


def worth_checking(entry: Header) -> bool:
    """Tell whether the checksum is verified: small members and code; big stored tensors are not read for it."""
    return entry.size <= (CODE_CHECK_BYTES if entry.name.endswith(CODE_ENDINGS) else CHECK_BYTES)


def checksum(source: Source, entry: Header, budget: Budget) -> int | None:
    """Return the CRC-32 of a member's bytes, None if they are fewer than the header says."""
    crc = 0
    read = 0
    for piece in pieces(source):
        budget.spend("operations", len(piece) // 512 + 1)
        crc = zlib.crc32(piece, crc)
        read += len(piece)
    return crc if read == entry.size else None


def is_plain(source: Source, entry: Header, start: int, budget: Budget) -> bool:
    """Tell whether a member that is flagged as encrypted can be read without a key."""
    if entry.method == AES_METHOD:
        return False
    if entry.method == STORED_METHOD and entry.packed != entry.size:
        return False
    found = content(source, entry, start, budget)
    if found is None:
        return False
    if entry.method == STORED_METHOD:
        # Encryption of the classic kind makes a member twelve bytes longer.
        return True
    first = found.read_at(0, min(entry.size, CHECK_BYTES))
    return bool(first) and len(first) == min(entry.size, CHECK_BYTES)


def is_link(entry: Header) -> bool:
    """Tell whether tools would make a symbolic link of a member."""
    return entry.system == 3 and entry.attributes >> 28 == 0xA
