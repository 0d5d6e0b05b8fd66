"""Shards: what an upload says about files and xorbs, and the answer to a deduplication query (hub-api.md B.7, B.8).

A shard is 48-byte little-endian records: a header, file blocks, a bookend, xorb blocks, a bookend. Uploaded shards end
there, whatever footer size their header names; stored ones go on with lookup tables and a 200-byte footer. Every declared
count is checked against the bytes that are left before anything is made from it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hanse.content.hashing import HASH_BYTES, MAX_CHUNK_BYTES, NO_KEY, hmac_chunk, tree_root
from hanse.content.terms import Term, check_term
from hanse.content.xorb import MAX_XORB_CHUNKS, XorbTable
from hanse.errors import BadFormat, DigestMismatch, TooLarge
from hanse.model.digest import Sha256, XetHash, xet_from_bytes, xet_to_bytes

TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
RECORD_BYTES = 48
FOOTER_BYTES = 200
MAX_SHARD_BYTES = 80 * 1024 * 1024
"""Longest shard taken in: clients start another one at 64 MiB, and may pass that by one file."""
HAS_RANGE_HASHES = 1 << 31
HAS_SHA256 = 1 << 30
DEDUP_ELIGIBLE = 1 << 31
"""Flag of a chunk that clients may ask for in a deduplication query."""

_VERSION = 2
_FOOTER_VERSION = 1
_BOOKEND = b"\xff" * HASH_BYTES
_BOOKEND_RECORD = _BOOKEND + bytes(16)
_PAIR = struct.Struct("<QQ")
_BLOCK = struct.Struct("<IIII")
_TERM = struct.Struct("<32sIIII")
_FOOTER = struct.Struct("<QQQ48x32sQQ48x24xQ")
_CHUNK = np.dtype([("hash", "V32"), ("offset", "<u4"), ("length", "<u4"), ("flags", "<u4"), ("spare", "<u4")])


@dataclass(frozen=True, slots=True)
class FileBlock:
    """A file as a shard describes it: its name, terms, their verification hashes (empty if none) and sha256 if given."""

    file: XetHash
    terms: tuple[Term, ...]
    range_hashes: tuple[bytes, ...] = ()
    sha256: Sha256 | None = None


@dataclass(frozen=True, slots=True)
class XorbBlock:
    """A xorb as a shard describes it; `records` are its chunks, 48 bytes each. The claims are checked by `check_xorb_block`.

    unpacked: sum of raw lengths; on_disk: stored length, 0 in uploads.
    """

    xorb: XetHash
    flags: int
    unpacked: int
    on_disk: int
    records: bytes

    @property
    def chunks(self) -> list[tuple[bytes, int]]:
        """Hash (32 bytes, blinded in a keyed shard) and raw length of every chunk."""
        rows = np.frombuffer(self.records, dtype=_CHUNK)
        hashes = rows["hash"].tobytes()
        return [(hashes[HASH_BYTES * at : HASH_BYTES * at + HASH_BYTES], size) for at, size in enumerate(rows["length"].tolist())]


@dataclass(frozen=True, slots=True)
class Footer:
    """The footer of a stored or answered shard: blinding key (zeros: none), creation and key expiry in Unix seconds."""

    hmac_key: bytes
    created: int
    key_expiry: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A parsed shard; `footer` is None in uploads."""

    files: tuple[FileBlock, ...]
    xorbs: tuple[XorbBlock, ...]
    footer: Footer | None = None


@dataclass(slots=True)
class _Cursor:
    """A position in the records of a shard; every step is checked against the end."""

    data: bytes
    at: int

    def take(self, count: int, what: str) -> int:
        """Return the offset of the next `count` records and step over them; raises BadFormat if they are not all there."""
        start, end = self.at, self.at + RECORD_BYTES * count
        if end > len(self.data):
            raise BadFormat(
                f"the shard stops inside {what}: {RECORD_BYTES * count} bytes are declared, {len(self.data) - start} are left"
            )
        self.at = end
        return start

    def at_bookend(self, what: str) -> bool:
        """Step over a bookend if one is next, and tell so; raises BadFormat at the end of the data."""
        start = self.take(1, what)
        if self.data[start : start + HASH_BYTES] == _BOOKEND:
            return True
        self.at = start
        return False

    def hash_at(self, start: int) -> bytes:
        """Return the 32 bytes at `start`."""
        return self.data[start : start + HASH_BYTES]


def parse_shard(data: bytes, max_bytes: int = MAX_SHARD_BYTES) -> Shard:
    """Return the shard in `data`, with or without footer.

    Raises TooLarge above `max_bytes` or over 8,192 chunks per xorb, BadFormat for anything else that is not a shard.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"a shard has at most {max_bytes} bytes, got {len(data)}")
    cursor = _Cursor(data, 0)
    cursor.take(1, "its header")
    version, _ = _PAIR.unpack_from(data, HASH_BYTES)
    if data[:HASH_BYTES] != TAG or version != _VERSION:
        raise BadFormat(f"a shard starts with its tag and version {_VERSION}, got {data[:16]!r} and version {version}")
    names: dict[bytes, XetHash] = {}
    files, xorbs = [], []
    while not cursor.at_bookend("the list of files"):
        files.append(_read_file(cursor, names))
    xorb_start = cursor.at
    while not cursor.at_bookend("the list of xorbs"):
        xorbs.append(_read_xorb(cursor))
    footer = _read_footer(data, xorb_start, cursor.at) if cursor.at < len(data) else None
    return Shard(tuple(files), tuple(xorbs), footer)


def _read_file(cursor: _Cursor, names: dict[bytes, XetHash]) -> FileBlock:
    """Read one file block; `names` remembers xorb names already spelled out."""
    start = cursor.take(1, "a file block")
    flags, count = struct.unpack_from("<II", cursor.data, start + HASH_BYTES)
    if flags & ~(HAS_RANGE_HASHES | HAS_SHA256):
        raise BadFormat(f"file block flags {flags:#010x} are not known")
    terms_at = cursor.take(count, "the terms of a file")
    ranges_at = cursor.take(count, "the range hashes of a file") if flags & HAS_RANGE_HASHES else None
    sha256 = None
    if flags & HAS_SHA256:
        # The digest is stored as if it were a Xet hash, so its plain hex form is the string form of the bytes.
        sha256 = Sha256(xet_from_bytes(cursor.hash_at(cursor.take(1, "the sha256 of a file"))))
    terms = []
    for at in range(terms_at, terms_at + RECORD_BYTES * count, RECORD_BYTES):
        raw, _, length, first, end = _TERM.unpack_from(cursor.data, at)
        if raw not in names:
            names[raw] = xet_from_bytes(raw)
        term = Term(names[raw], first, end, length)
        check_term(term)
        terms.append(term)
    ranges = [] if ranges_at is None else [cursor.hash_at(ranges_at + RECORD_BYTES * at) for at in range(count)]
    return FileBlock(xet_from_bytes(cursor.hash_at(start)), tuple(terms), tuple(ranges), sha256)


def _read_xorb(cursor: _Cursor) -> XorbBlock:
    """Read one xorb block."""
    start = cursor.take(1, "a xorb block")
    flags, count, unpacked, on_disk = _BLOCK.unpack_from(cursor.data, start + HASH_BYTES)
    if count > MAX_XORB_CHUNKS:
        raise TooLarge(f"a xorb has at most {MAX_XORB_CHUNKS} chunks, the shard declares {count}")
    if not count:
        raise BadFormat("a xorb has at least one chunk, the shard declares none")
    at = cursor.take(count, "the chunks of a xorb")
    records = cursor.data[at : cursor.at]
    rows = np.frombuffer(records, dtype=_CHUNK)
    lengths = rows["length"].astype(np.int64)
    ends = np.cumsum(lengths)
    if lengths.min() < 1 or lengths.max() > MAX_CHUNK_BYTES:
        raise BadFormat(f"a chunk has 1 to {MAX_CHUNK_BYTES} bytes, the shard names {lengths.min()} to {lengths.max()}")
    if (rows["offset"] != ends - lengths).any() or int(ends[-1]) != unpacked:
        raise BadFormat("the chunks of a xorb do not follow each other up to its declared unpacked size")
    return XorbBlock(xet_from_bytes(cursor.hash_at(start)), flags, unpacked, on_disk, records)


def _read_footer(data: bytes, xorb_start: int, end: int) -> Footer:
    """Read the footer in the last 200 bytes; what lies between `end` and it (lookup tables) is not used."""
    at = len(data) - FOOTER_BYTES
    if at < end:
        raise BadFormat(f"{len(data) - end} bytes follow the shard's last block; a footer has {FOOTER_BYTES}")
    version, file_at, xorb_at, key, created, expiry, footer_at = _FOOTER.unpack_from(data, at)
    if (version, file_at, xorb_at, footer_at) != (_FOOTER_VERSION, RECORD_BYTES, xorb_start, at):
        raise BadFormat("the shard's footer does not describe the blocks before it")
    return Footer(key, created, expiry)


def check_xorb_block(block: XorbBlock) -> None:
    """Raise DigestMismatch unless the chunks of an unkeyed block make up the xorb it names."""
    rows = np.frombuffer(block.records, dtype=_CHUNK)
    got = xet_from_bytes(tree_root(rows["hash"].tobytes(), rows["length"].astype(np.int64)))
    if got != block.xorb:
        raise DigestMismatch(f"a shard names xorb {block.xorb}, its chunks make up xorb {got}")


def is_dedup_eligible(value: bytes) -> bool:
    """Tell whether clients ask for the chunk with this 32-byte hash wherever it stands in a file (one in 1,024)."""
    return int.from_bytes(value[24:], "little") % 1024 == 0


def xorb_block(table: XorbTable, eligible: Iterable[int] = ()) -> XorbBlock:
    """Return the block describing a stored xorb.

    The eligibility flag is set on chunks whose hash makes them so and on the chunk numbers in `eligible` (first of a file).
    """
    rows: NDArray[np.void] = np.zeros(table.count, dtype=_CHUNK)
    rows["hash"] = np.frombuffer(table.hashes, dtype="V32")
    rows["offset"], rows["length"] = table.raw[:-1], np.diff(table.raw)
    words = np.frombuffer(table.hashes, dtype="<u8").reshape(-1, 4)[:, 3]
    rows["flags"][words % np.uint64(1024) == 0] = DEDUP_ELIGIBLE
    rows["flags"][list(eligible)] = DEDUP_ELIGIBLE
    return XorbBlock(table.xorb, 0, table.raw_size, table.stored_size, rows.tobytes())


def _encode_file(block: FileBlock) -> bytes:
    """Return the records of a file block."""
    flags = (HAS_RANGE_HASHES if block.range_hashes else 0) | (HAS_SHA256 if block.sha256 else 0)
    parts = [xet_to_bytes(block.file), struct.pack("<II8x", flags, len(block.terms))]
    parts += [_TERM.pack(xet_to_bytes(term.xorb), 0, term.length, term.start, term.end) for term in block.terms]
    parts += [value + bytes(16) for value in block.range_hashes]
    if block.sha256:
        parts.append(xet_to_bytes(XetHash(block.sha256)) + bytes(16))
    return b"".join(parts)


def _encode_xorb(block: XorbBlock, key: bytes) -> bytes:
    """Return the records of a xorb block, its chunk hashes blinded under `key`."""
    count = len(block.records) // RECORD_BYTES
    head = xet_to_bytes(block.xorb) + _BLOCK.pack(block.flags, count, block.unpacked, block.on_disk)
    if key == NO_KEY:
        return head + block.records
    rows = np.frombuffer(block.records, dtype=_CHUNK).copy()
    blinded = b"".join(hmac_chunk(key, value) for value, _ in block.chunks)
    rows["hash"] = np.frombuffer(blinded, dtype="V32")
    return head + rows.tobytes()


def encode_shard(shard: Shard) -> bytes:
    """Return the bytes of a shard; with a footer, the chunk hashes are blinded under its key and lookup tables stay empty.

    `parse_shard` gives the same value back (blinded, if there is a key).
    """
    key = shard.footer.hmac_key if shard.footer else NO_KEY
    files = b"".join(map(_encode_file, shard.files)) + _BOOKEND_RECORD
    xorbs = b"".join(_encode_xorb(block, key) for block in shard.xorbs) + _BOOKEND_RECORD
    body = TAG + _PAIR.pack(_VERSION, FOOTER_BYTES if shard.footer else 0) + files + xorbs
    if shard.footer is None:
        return body
    return body + _encode_footer(shard.footer, RECORD_BYTES + len(files), len(body))


def _encode_footer(footer: Footer, xorb_at: int, at: int) -> bytes:
    """Return the footer of a shard whose xorb blocks start at `xorb_at` and whose footer starts at `at`."""
    lookups = struct.pack("<6Q", at, 0, at, 0, at, 0)
    head = struct.pack("<QQQ", _FOOTER_VERSION, RECORD_BYTES, xorb_at) + lookups + footer.hmac_key
    return head + _PAIR.pack(footer.created, footer.key_expiry) + bytes(48 + 24) + at.to_bytes(8, "little")


def dedup_shard(xorbs: Sequence[XorbBlock], *, key: bytes, now: int, expires: int) -> bytes:
    """Return the answer to a deduplication query: the blocks of `xorbs`, every chunk hash blinded under the 32-byte `key`.

    now and expires are Unix seconds; clients stop using the answer at `expires`.
    """
    if len(key) != HASH_BYTES or not xorbs or not now < expires:
        raise ValueError("a dedup answer needs a 32-byte key, at least one xorb and an expiry after now")
    return encode_shard(Shard((), tuple(xorbs), Footer(key, now, expires)))
