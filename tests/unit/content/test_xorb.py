"""Xorbs: read as they arrive, checked against every bound, located by their table."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from blake3 import blake3
from tests.unit.content.conftest import RealUpload
from tests.vectors import xet_primitives as oracle

from hanse.content import xorb
from hanse.content.compression import Scheme
from hanse.content.hashing import chunk_hash, encode_chunk_list
from hanse.content.xorbwriter import serialise
from hanse.errors import BadFormat, DigestMismatch, HanseError, TooLarge
from hanse.model.digest import XetHash, xet_from_bytes

_CHANCE = random.Random(2)
_RAWS = [_CHANCE.randbytes(_CHANCE.randint(1, 3000)) if at % 3 else b"word " * (at + 1) for at in range(60)]
_DATA = b"".join(oracle.make_xorb([raw], at % 3) for at, raw in enumerate(_RAWS))
_TABLE = xorb.parse_xorb(_DATA)[0]


def _read(data: bytes, size: int, *, keep_raw: bool = True) -> tuple[xorb.XorbTable, list[xorb.XorbChunk]]:
    reader = xorb.XorbReader(keep_raw=keep_raw)
    chunks = [chunk for at in range(0, len(data), size) for chunk in reader.feed(data[at : at + size])]
    return reader.finish(), chunks


def _header(payload: int, scheme: int, length: int, version: int = 0) -> bytes:
    return bytes([version]) + payload.to_bytes(3, "little") + bytes([scheme]) + length.to_bytes(3, "little")


@pytest.mark.parametrize("size", [1, 7, 8, 9, 1000, 65536, 10_000_000])
def test_chunks_and_table_do_not_depend_on_arrival(size: int) -> None:
    """However the xorb is cut into pieces, chunks, offsets, hashes and table are those of the reference."""
    table, chunks = _read(_DATA, size)
    expected, _ = oracle.parse_xorb(_DATA)
    assert [(chunk.start, chunk.end, chunk.raw) for chunk in chunks] == [(start, end, raw) for start, end, raw, _ in expected]
    assert [chunk.hash for chunk in chunks] == [oracle.chunk_hash(raw) for raw in _RAWS]
    assert table.xorb == xet_from_bytes(oracle.tree([(oracle.chunk_hash(raw), len(raw)) for raw in _RAWS]))
    assert table.digest == blake3(_DATA).hexdigest()
    assert table.encode() == _TABLE.encode()
    assert not any(chunk.raw for chunk in _read(_DATA, size, keep_raw=False)[1])


def test_real_xorbs_have_their_names(real_upload: RealUpload) -> None:
    """Xorbs that hf_xet stored parse to the name it gave them; their footer starts where the chunks end."""
    schemes: set[int] = set()
    for name, data in real_upload.xorbs.items():
        reader = xorb.XorbReader()
        for at in range(0, len(data), 50_000):
            reader.feed(data[at : at + 50_000])
        table = reader.finish(XetHash(name))
        assert reader.footer_start == table.stored_size == len(data) - (92 + 40 * table.count + 4)
        assert table.digest == blake3(data[: table.stored_size]).hexdigest()
        schemes.update(table.schemes)
    assert len(schemes) > 1


@pytest.mark.parametrize("size", [1, 5, 100, 10_000_000])
def test_footers_are_ignored_but_bounded(size: int) -> None:
    """Whatever follows the footer mark is skipped, up to 1 MiB."""
    footer = b"XETBLOB\x01" + bytes(5000)
    assert _read(_DATA + footer, size)[0].encode() == _TABLE.encode()
    with pytest.raises(TooLarge):
        _read(_DATA + b"XETBLOB" + bytes(xorb.MAX_FOOTER_BYTES), 10_000_000)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadFormat),
        (b"XETBLOB\x01", BadFormat),
        (_header(1, 0, 1), BadFormat),
        (_header(1, 0, 1)[:7], BadFormat),
        (_header(1, 0, 1, version=1) + b"x", BadFormat),
        (_header(1, 3, 1) + b"x", BadFormat),
        (_header(0, 0, 0), BadFormat),
        (_header(0, 1, 5), BadFormat),
        (_header(2, 0, 1) + b"xy", BadFormat),
        (_header(131_073, 0, 131_073), TooLarge),
        (_header(0xFFFFFF, 1, 5), TooLarge),
        (_header(5, 1, 0xFFFFFF), TooLarge),
        (_header(4, 1, 5) + b"junk", BadFormat),
        (_DATA + b"XETBLOC" + bytes(50), BadFormat),
    ],
)
def test_bad_xorbs_are_refused(data: bytes, error: type[HanseError]) -> None:
    """Truncation, unknown versions and schemes, impossible lengths and noise are refused, before anything is unpacked."""
    for size in (1, 10_000_000):
        with pytest.raises(error):
            _read(data, size)


def test_counts_and_sizes_are_bounded() -> None:
    """One chunk over 8,192 or one byte over the longest stored form is refused at its header."""
    chunk = _header(1, 0, 1) + b"x"
    assert _read(chunk * 8192, 100_000)[0].count == 8192
    with pytest.raises(TooLarge):
        _read(chunk * 8193, 100_000)
    big = _header(131_072, 0, 131_072) + bytes(131_072)
    reader = xorb.XorbReader()
    for _ in range(xorb.MAX_XORB_BYTES // len(big)):
        reader.feed(big)
    with pytest.raises(TooLarge):
        reader.feed(big)


def test_a_xorb_under_another_name_is_refused() -> None:
    """The name is recomputed from the bytes."""
    with pytest.raises(DigestMismatch):
        xorb.parse_xorb(_DATA, XetHash("1" * 64))
    assert xorb.parse_xorb(_DATA, _TABLE.xorb)[0].count == 60


def test_table_answers_agree_with_the_chunks() -> None:
    """Ranges, hashes, schemes, chunk list and the search by raw offset follow from the chunks."""
    _, chunks = xorb.parse_xorb(_DATA)
    assert (_TABLE.count, _TABLE.stored_size, _TABLE.raw_size) == (60, len(_DATA), sum(map(len, _RAWS)))
    assert _TABLE.stored_range(3, 7) == (chunks[3].start, chunks[6].end)
    assert _TABLE.raw_range(3, 7) == (sum(map(len, _RAWS[:3])), sum(map(len, _RAWS[:7])))
    assert _TABLE.hash_at(5) == chunk_hash(_RAWS[5])
    assert _TABLE.hashes_of(5, 7) == chunk_hash(_RAWS[5]) + chunk_hash(_RAWS[6])
    assert _TABLE.chunk_list(2, 9) == encode_chunk_list([(chunk.hash, chunk.length) for chunk in chunks[2:9]])
    assert (_TABLE.plain(0, 1), _TABLE.plain(0, 2), _TABLE.plain(1, 2)) == (True, False, False)
    offset = 0
    for index, raw in enumerate(_RAWS):
        assert (_TABLE.locate(offset), _TABLE.locate(offset + len(raw) - 1)) == (index, index)
        offset += len(raw)
    assert _TABLE.locate(offset) == 60


def test_table_codec_round_trip() -> None:
    """A table comes back from its binary form, and its name can be recomputed."""
    data = _TABLE.encode()
    again = xorb.parse_table(data)
    again.check_name()
    assert again.encode() == data
    assert (again.xorb, again.digest, again.schemes, again.hashes) == (_TABLE.xorb, _TABLE.digest, _TABLE.schemes, _TABLE.hashes)
    with pytest.raises(DigestMismatch):
        replace(again, xorb=XetHash("0" * 64)).check_name()


def test_bad_tables_are_refused() -> None:
    """A cut, another magic, a wrong count, offsets that fall, an impossible length and an unknown scheme are refused."""
    data = bytearray(_TABLE.encode())
    first = len(data) - 60 * 40
    for bad in (b"", data[:-1], b"X" + data[1:], data[: first - 4] + bytes(4), data + bytes(40)):
        with pytest.raises(BadFormat):
            xorb.parse_table(bytes(bad))
    for at, value in ((32, 0), (32, 0xFFFFFFFF), (36, 0), (36, 131_073), (36, 3 << 24 | 5), (36, 77)):
        bad = data.copy()
        bad[first + at : first + at + 4] = value.to_bytes(4, "little")
        with pytest.raises((BadFormat, TooLarge)):
            xorb.parse_table(bytes(bad))
    many = data[: first - 4] + (8193).to_bytes(4, "little") + bytes(40 * 8193)
    with pytest.raises(TooLarge):
        xorb.parse_table(bytes(many))


@pytest.mark.parametrize("verify", [True, False])
def test_ranges_decode_to_their_raw_bytes(verify: bool) -> None:
    """Any run of chunks comes out of its stored bytes, whatever the schemes."""
    for first, end in ((0, 60), (0, 1), (59, 60), (10, 40)):
        start, stop = _TABLE.stored_range(first, end)
        assert xorb.decode_range(_TABLE, first, end, memoryview(_DATA)[start:stop], verify=verify) == b"".join(_RAWS[first:end])


def test_damaged_stored_bytes_are_a_digest_mismatch() -> None:
    """A changed header, a damaged frame, a changed raw byte and a missing byte in our own copy are never served."""
    for index in (0, 1, 2):
        start, stop = _TABLE.stored_range(index, index + 1)
        stored = bytearray(_DATA[start:stop])
        for at in (0, 1, 4, 5, len(stored) - 1):
            bad = stored.copy()
            bad[at] ^= 1
            with pytest.raises(DigestMismatch):
                xorb.decode_range(_TABLE, index, index + 1, bytes(bad))
        with pytest.raises(DigestMismatch):
            xorb.decode_range(_TABLE, index, index + 1, bytes(stored[:-1]))


@pytest.mark.parametrize(("first", "end"), [(-1, 3), (3, 3), (5, 4), (0, 61), (60, 61)])
def test_chunk_ranges_outside_the_xorb_are_refused(first: int, end: int) -> None:
    """A range names chunks that exist, at least one."""
    with pytest.raises(BadFormat):
        xorb.decode_range(_TABLE, first, end, b"")


def test_headers_round_trip() -> None:
    """A header is the eight bytes it was read from."""
    header = xorb.ChunkHeader(Scheme.BG4_LZ4, 70_000, 131_072)
    assert xorb.parse_chunk_header(header.encode()) == header
    assert serialise([b"abc"])[0][:8] == xorb.ChunkHeader(Scheme.NONE, 3, 3).encode()
