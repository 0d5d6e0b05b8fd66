"""Xorbs, the stored containers of chunks: reading one as it arrives, its table of chunks, and bytes out of it (hub-api.md B.6).

A xorb is chunks back to back, each an 8-byte header (version 0, payload length u24, scheme u8, raw length u24, little
endian) and its payload. A footer may follow; it is recognised, bounded and ignored. A xorb's name covers hashes and raw
lengths only, not compression, so the table of a stored xorb also carries the BLAKE3 digest of the stored form.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from hanse.content.compression import Scheme, decompress
from hanse.content.hashing import CHUNK_RECORD, HASH_BYTES, MAX_CHUNK_BYTES, chunk_hash, tree_root
from hanse.errors import BadFormat, DigestMismatch, TooLarge
from hanse.model.digest import Blake3, XetHash, xet_from_bytes, xet_to_bytes

HEADER_BYTES = 8
MAX_XORB_CHUNKS = 8192
MAX_XORB_BYTES = 64 * 1024 * 1024 + HEADER_BYTES * MAX_XORB_CHUNKS
"""Longest stored form: clients fill a xorb up to 64 MiB of payload, headers come on top."""
MAX_FOOTER_BYTES = 1024 * 1024
MAX_PAYLOAD_BYTES = MAX_CHUNK_BYTES + 1024
"""Longest payload of a chunk: LZ4 frames of incompressible data are a few dozen bytes longer than the data."""

_FOOTER_IDENT = b"XETBLOB"
_TABLE_MAGIC = b"HANSEXT2"
_TABLE_HEAD = len(_TABLE_MAGIC) + 32 + 32 + 4
_TABLE_RECORD = np.dtype([("hash", "V32"), ("stored_end", "<u4"), ("length", "<u4")])
_LENGTH_BITS = 24


@dataclass(frozen=True, slots=True)
class ChunkHeader:
    """The checked header of one chunk: scheme, payload length and raw length in bytes."""

    scheme: Scheme
    payload: int
    length: int

    def encode(self) -> bytes:
        """Return the eight bytes of the header."""
        return b"\0" + self.payload.to_bytes(3, "little") + bytes([self.scheme]) + self.length.to_bytes(3, "little")


def parse_chunk_header(data: bytes | bytearray | memoryview) -> ChunkHeader:
    """Return the chunk header in the first eight bytes of `data`.

    Raises BadFormat on another version or scheme or an empty chunk, TooLarge on a length above its bound.
    """
    if len(data) < HEADER_BYTES or data[0] != 0:
        raise BadFormat(f"a chunk header starts with version 0, got {bytes(data[:HEADER_BYTES]).hex()}")
    payload, scheme, length = int.from_bytes(data[1:4], "little"), data[4], int.from_bytes(data[5:8], "little")
    if scheme > Scheme.BG4_LZ4:
        raise BadFormat(f"compression scheme {scheme} is not known; 0, 1 and 2 are")
    if length > MAX_CHUNK_BYTES or payload > MAX_PAYLOAD_BYTES:
        raise TooLarge(f"a chunk has at most {MAX_CHUNK_BYTES} bytes, this one declares {length} raw and {payload} stored")
    if not length or not payload or (scheme == Scheme.NONE and payload != length):
        raise BadFormat(f"a chunk declares {length} raw and {payload} stored bytes under scheme {scheme}")
    return ChunkHeader(Scheme(scheme), payload, length)


@dataclass(frozen=True, slots=True)
class XorbChunk:
    """One chunk of a xorb: number, stored byte range (header included, end exclusive), raw length, hash and raw bytes.

    `raw` is empty unless the reader was asked to keep raw bytes.
    """

    index: int
    start: int
    end: int
    length: int
    hash: bytes
    raw: bytes


@dataclass(frozen=True, slots=True, eq=False)
class XorbTable:
    """Where the chunks of one stored xorb lie and what they hash to.

    xorb: its name; digest: BLAKE3 of the stored form without footer; stored and raw: n + 1 offsets each, starting with 0; hashes:
    32 bytes per chunk, concatenated; schemes: one byte per chunk. Chunk ranges are end-exclusive throughout.
    """

    xorb: XetHash
    digest: Blake3
    hashes: bytes
    stored: NDArray[np.int64]
    raw: NDArray[np.int64]
    schemes: bytes

    @property
    def count(self) -> int:
        """Number of chunks."""
        return len(self.schemes)

    @property
    def stored_size(self) -> int:
        """Length of the stored form without footer, in bytes."""
        return int(self.stored[-1])

    @property
    def raw_size(self) -> int:
        """Sum of the raw lengths, in bytes."""
        return int(self.raw[-1])

    def check_range(self, first: int, end: int) -> None:
        """Raise BadFormat unless chunks [first, end) exist and are at least one."""
        if not 0 <= first < end <= self.count:
            raise BadFormat(f"chunks {first} to {end} do not exist in xorb {self.xorb}, which has {self.count}")

    def stored_range(self, first: int, end: int) -> tuple[int, int]:
        """Return where the stored bytes of chunks [first, end) start and end (exclusive)."""
        return int(self.stored[first]), int(self.stored[end])

    def raw_range(self, first: int, end: int) -> tuple[int, int]:
        """Return where the raw bytes of chunks [first, end) start and end (exclusive) in the unpacked xorb."""
        return int(self.raw[first]), int(self.raw[end])

    def locate(self, offset: int) -> int:
        """Return the number of the chunk that holds raw byte `offset` of the unpacked xorb; `count` at its end."""
        return int(np.searchsorted(self.raw, offset, side="right")) - 1

    def hash_at(self, index: int) -> bytes:
        """Return the 32-byte hash of chunk `index`."""
        return self.hashes[HASH_BYTES * index : HASH_BYTES * (index + 1)]

    def hashes_of(self, first: int, end: int) -> bytes:
        """Return the concatenated hashes of chunks [first, end)."""
        return self.hashes[HASH_BYTES * first : HASH_BYTES * end]

    def plain(self, first: int, end: int) -> bool:
        """Tell whether chunks [first, end) are all stored uncompressed."""
        return not any(self.schemes[first:end])

    def chunk_list(self, first: int, end: int) -> bytes:
        """Return the chunk list (hash and raw length, 36 bytes each) of chunks [first, end)."""
        records = np.empty(end - first, dtype=CHUNK_RECORD)
        records["hash"] = np.frombuffer(self.hashes_of(first, end), dtype="V32")
        records["length"] = np.diff(self.raw[first : end + 1])
        return records.tobytes()

    def check_name(self) -> None:
        """Raise DigestMismatch unless the chunks make up the xorb that the table names."""
        got = xet_from_bytes(tree_root(self.hashes, np.diff(self.raw)))
        if got != self.xorb:
            raise DigestMismatch(f"a chunk table is named {self.xorb} and its chunks make up xorb {got}")

    def encode(self) -> bytes:
        """Return the binary form: magic, xorb hash, digest, count u32, and 40 bytes per chunk.

        Per chunk: hash, stored end u32, and a u32 with the raw length in its low 24 bits and the scheme above.
        """
        records = np.empty(self.count, dtype=_TABLE_RECORD)
        records["hash"] = np.frombuffer(self.hashes, dtype="V32")
        records["stored_end"] = self.stored[1:]
        records["length"] = np.diff(self.raw) | (np.frombuffer(self.schemes, dtype=np.uint8).astype(np.int64) << _LENGTH_BITS)
        head = _TABLE_MAGIC + xet_to_bytes(self.xorb) + bytes.fromhex(self.digest)
        return head + self.count.to_bytes(4, "little") + records.tobytes()


def make_table(xorb: XetHash, digest: Blake3, hashes: bytes, *, ends: list[int], lengths: list[int], schemes: bytes) -> XorbTable:
    """Return the table of a xorb from per-chunk hashes (concatenated), stored ends, raw lengths and scheme bytes."""
    stored = np.fromiter((0, *ends), dtype=np.int64, count=len(ends) + 1)
    raw = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=raw[1:])
    stored.flags.writeable = raw.flags.writeable = False
    return XorbTable(xorb, digest, hashes, stored, raw, schemes)


def parse_table(data: bytes) -> XorbTable:
    """Return the table written in `data`; raises BadFormat or TooLarge.

    Offsets, lengths and schemes are checked against each other and their bounds; `XorbTable.check_name` recomputes the name.
    """
    count = int.from_bytes(data[_TABLE_HEAD - 4 : _TABLE_HEAD], "little")
    if not data.startswith(_TABLE_MAGIC) or len(data) != _TABLE_HEAD + _TABLE_RECORD.itemsize * count or not count:
        raise BadFormat(f"{len(data)} bytes are not a chunk table of {count} chunks")
    if count > MAX_XORB_CHUNKS:
        raise TooLarge(f"a xorb has at most {MAX_XORB_CHUNKS} chunks, the table has {count}")
    records = np.frombuffer(data, dtype=_TABLE_RECORD, offset=_TABLE_HEAD)
    packed = records["length"].astype(np.int64)
    lengths, schemes = packed & ((1 << _LENGTH_BITS) - 1), (packed >> _LENGTH_BITS).astype(np.uint8)
    stored = np.concatenate(([0], records["stored_end"].astype(np.int64)))
    payloads = np.diff(stored) - HEADER_BYTES
    _check_columns(payloads, lengths, schemes)
    raw = np.concatenate(([0], np.cumsum(lengths)))
    stored.flags.writeable = raw.flags.writeable = False
    name, digest = data[8:40], data[40:72]
    return XorbTable(xet_from_bytes(name), Blake3(digest.hex()), records["hash"].tobytes(), stored, raw, schemes.tobytes())


def _check_columns(payloads: NDArray[np.int64], lengths: NDArray[np.int64], schemes: NDArray[np.uint8]) -> None:
    """Raise unless every chunk of a table could have been read from a xorb (the rules of `parse_chunk_header`)."""
    if payloads.sum() > MAX_XORB_BYTES or lengths.max() > MAX_CHUNK_BYTES or payloads.max() > MAX_PAYLOAD_BYTES:
        raise TooLarge("a chunk table names a chunk or xorb above its bound")
    plain = schemes == Scheme.NONE
    if lengths.min() < 1 or payloads.min() < 1 or schemes.max() > Scheme.BG4_LZ4 or (payloads != lengths)[plain].any():
        raise BadFormat("a chunk table has offsets, lengths or schemes that no xorb can have")


@dataclass(slots=True)
class XorbReader:
    """Reads one xorb as its pieces arrive, in memory of about one chunk and one piece.

    Feed the pieces in order, then call `finish`. After an error the reader is of no further use.
    """

    keep_raw: bool = False
    footer_start: int | None = None
    _pending: bytearray = field(default_factory=bytearray)
    _header: ChunkHeader | None = None
    _end: int = 0
    _footer: int = 0
    _hashes: bytearray = field(default_factory=bytearray)
    _ends: list[int] = field(default_factory=list)
    _lengths: list[int] = field(default_factory=list)
    _schemes: bytearray = field(default_factory=bytearray)
    _digest: blake3 = field(default_factory=blake3)

    def feed(self, piece: bytes | bytearray | memoryview) -> list[XorbChunk]:
        """Return the chunks that `piece` completes, decompressed and hashed.

        Raises BadFormat or TooLarge as soon as a header is out of bounds, a payload does not decompress to its declared
        length, or more chunks or bytes arrive than a xorb may have.
        """
        view = memoryview(piece)
        found: list[XorbChunk] = []
        at = run = 0  # [run, at) are whole chunks inside this piece, not hashed into the digest yet
        while at < len(view):
            if self.footer_start is not None:
                self._skip_footer(len(view) - at)
                break
            need = HEADER_BYTES if self._header is None else HEADER_BYTES + self._header.payload
            if self._pending or len(view) - at < need:
                self._digest.update(view[run:at])
                take = need - len(self._pending)
                self._pending += view[at : at + take]
                at = run = min(at + take, len(view))
                if len(self._pending) < need:
                    break
                frame: bytearray | memoryview = self._pending
            else:
                frame = view[at : at + need]
            if self._header is None:
                self._read_header(frame)
                continue
            found.append(self._read_chunk(self._header, memoryview(frame)))
            if self._pending:
                self._digest.update(self._pending)
                self._pending = bytearray()
            else:
                at += need
        self._digest.update(view[run:at])
        return found

    def _read_header(self, frame: bytearray | memoryview) -> None:
        """Take in the next chunk header or the start of the footer."""
        if bytes(frame[:7]) == _FOOTER_IDENT:
            self.footer_start = self._end
            self._skip_footer(len(self._pending))
            return
        header = parse_chunk_header(frame)
        end = self._end + HEADER_BYTES + header.payload
        if len(self._ends) == MAX_XORB_CHUNKS or end > MAX_XORB_BYTES:
            raise TooLarge(f"a xorb has at most {MAX_XORB_CHUNKS} chunks and {MAX_XORB_BYTES} bytes")
        self._header = header

    def _read_chunk(self, header: ChunkHeader, frame: memoryview) -> XorbChunk:
        """Take in one complete chunk, header included."""
        payload = frame[HEADER_BYTES:]
        raw = payload if header.scheme is Scheme.NONE else decompress(payload, header.scheme, header.length)
        value = chunk_hash(raw)
        start, self._end = self._end, self._end + len(frame)
        self._hashes += value
        self._ends.append(self._end)
        self._lengths.append(header.length)
        self._schemes.append(header.scheme)
        self._header = None
        return XorbChunk(len(self._ends) - 1, start, self._end, header.length, value, bytes(raw) if self.keep_raw else b"")

    def _skip_footer(self, count: int) -> None:
        """Count bytes of the footer; raises TooLarge."""
        self._footer += count
        if self._footer > MAX_FOOTER_BYTES:
            raise TooLarge(f"a xorb's footer has at most {MAX_FOOTER_BYTES} bytes")

    def finish(self, expected: XetHash | None = None) -> XorbTable:
        """Return the table of the whole xorb.

        Raises BadFormat if the xorb has no chunk or stops inside one, DigestMismatch if its name is not `expected`.
        """
        if self.footer_start is None and (self._pending or self._header):
            raise BadFormat(f"the xorb stops inside a chunk, after {self._end} whole bytes")
        if not self._ends:
            raise BadFormat("a xorb has at least one chunk, this one has none")
        hashes = bytes(self._hashes)
        name = xet_from_bytes(tree_root(hashes, self._lengths))
        if expected is not None and name != expected:
            raise DigestMismatch(f"expected xorb {expected}, the bytes make up xorb {name}")
        digest = Blake3(self._digest.hexdigest())
        return make_table(name, digest, hashes, ends=self._ends, lengths=self._lengths, schemes=bytes(self._schemes))


def parse_xorb(data: bytes, expected: XetHash | None = None) -> tuple[XorbTable, list[XorbChunk]]:
    """Return table and chunks (with raw bytes) of a whole xorb in memory; raises as `XorbReader` does."""
    reader = XorbReader(keep_raw=True)
    chunks = reader.feed(data)
    return reader.finish(expected), chunks


def decode_range(table: XorbTable, first: int, end: int, stored: bytes | memoryview, *, verify: bool = True) -> bytes:
    """Return the raw bytes of chunks [first, end), given their stored bytes (`XorbTable.stored_range`).

    Raises BadFormat for a range that the table does not have, DigestMismatch if the stored bytes are not those the table
    describes. `verify` also recomputes every chunk's hash; without it only framing and lengths are checked.
    """
    table.check_range(first, end)
    view = memoryview(stored)
    origin = int(table.stored[first])
    offsets: list[int] = (table.stored[first : end + 1] - origin).tolist()
    lengths: list[int] = np.diff(table.raw[first : end + 1]).tolist()
    if len(view) != offsets[-1]:
        raise DigestMismatch(f"chunks {first} to {end} of xorb {table.xorb} have {offsets[-1]} stored bytes, got {len(view)}")
    parts: list[bytes | memoryview] = []
    for at, length in enumerate(lengths):
        frame = view[offsets[at] : offsets[at + 1]]
        scheme = Scheme(table.schemes[first + at])
        if frame[:HEADER_BYTES] != ChunkHeader(scheme, len(frame) - HEADER_BYTES, length).encode():
            raise DigestMismatch(f"chunk {first + at} of xorb {table.xorb} has another header than its table says")
        raw = frame[HEADER_BYTES:] if scheme is Scheme.NONE else _decode_damaged(table, first + at, frame, scheme, length)
        if verify and chunk_hash(raw) != table.hash_at(first + at):
            raise DigestMismatch(f"chunk {first + at} of xorb {table.xorb} does not have its hash")
        parts.append(raw)
    return b"".join(parts)


def _decode_damaged(table: XorbTable, index: int, frame: memoryview, scheme: Scheme, length: int) -> bytes:
    """Decompress a stored chunk; damage in our own copy is DigestMismatch, not a caller's bad format."""
    try:
        return decompress(frame[HEADER_BYTES:], scheme, length)
    except BadFormat as error:
        raise DigestMismatch(f"chunk {index} of xorb {table.xorb} is damaged: {error}") from error
