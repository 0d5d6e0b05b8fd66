"""Shards: real uploads, the oracle's reading of our own, and every way a shard can be wrong."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import pytest
from tests.unit.content.conftest import RealUpload
from tests.vectors import xet_primitives as oracle

from hanse.content import shard as shards
from hanse.content.hashing import NO_KEY, file_hash_of_chunk_list, object_hash, range_hash
from hanse.content.shard import FileBlock, Footer, Shard
from hanse.content.terms import Term, check_against_tables, check_range_hashes, chunk_list_of
from hanse.content.xorb import XorbTable, parse_xorb
from hanse.content.xorbwriter import serialise
from hanse.errors import BadFormat, DigestMismatch, TooLarge
from hanse.model.digest import Sha256, XetHash, xet_to_bytes

_RAWS = [bytes([at]) * (at + 1) for at in range(12)]
_TABLE = serialise(_RAWS)[1]
_SHA = Sha256(hashlib.sha256(b"content").hexdigest())
_TERMS = (Term(_TABLE.xorb, 0, 3, 6), Term(_TABLE.xorb, 5, 12, 63))
_RANGES = tuple(range_hash([_TABLE.hashes_of(term.start, term.end)]) for term in _TERMS)
_FILES = (
    FileBlock(XetHash("1" * 64), _TERMS, _RANGES, _SHA),
    FileBlock(XetHash("2" * 64), _TERMS[:1]),
    FileBlock(XetHash("0" * 64), (), (), _SHA),
)
_UPLOAD = Shard(_FILES, (shards.xorb_block(_TABLE, [0]),))
_DATA = shards.encode_shard(_UPLOAD)


def _put(data: bytes, at: int, layout: str, *values: int) -> bytes:
    return data[:at] + struct.pack(layout, *values) + data[at + struct.calcsize(layout) :]


def test_real_shards_describe_what_was_uploaded(real_upload: RealUpload) -> None:
    """From a real upload: file names, terms, range hashes, sha256 and xorb blocks agree with the bytes."""
    tables: dict[XetHash, XorbTable] = {}
    for name, data in real_upload.xorbs.items():
        tables[XetHash(name)] = parse_xorb(data, XetHash(name))[0]
    found = {}
    for name, data in real_upload.shards.items():
        shard = shards.parse_shard(data)
        assert object_hash(data) == name
        assert shard.footer is not None
        for block in shard.xorbs:
            shards.check_xorb_block(block)
            assert block.records[:32] == tables[block.xorb].hash_at(0)
        for file in shard.files:
            check_against_tables(file.terms, tables)
            check_range_hashes(file.terms, file.range_hashes, tables)
            chunk_list = chunk_list_of(file.terms, tables)
            assert file_hash_of_chunk_list(chunk_list)[0] == file.file
            found[file.file] = file.sha256
    expected = {
        name: hashlib.sha256(content).hexdigest() for name, content in zip(real_upload.names, real_upload.contents, strict=True)
    }
    assert found == expected


def test_shards_round_trip() -> None:
    """A shard with and without range hashes, sha256 and footer comes back as it was."""
    assert shards.parse_shard(_DATA) == _UPLOAD
    stored = replace(_UPLOAD, footer=Footer(NO_KEY, 5, 6))
    assert shards.parse_shard(shards.encode_shard(stored)) == stored
    assert shards.parse_shard(shards.encode_shard(Shard((), ()))) == Shard((), ())


def test_our_shards_read_the_same_to_the_oracle() -> None:
    """Files, terms, hashes in their stored order and chunk records are where the reference looks for them."""
    plain = oracle.parse_shard(_DATA)
    assert plain["files"][0]["terms"] == [(xet_to_bytes(term.xorb), 0, term.length, term.start, term.end) for term in _TERMS]
    assert plain["files"][0]["ranges"] == list(_RANGES)
    assert oracle.to_text(plain["files"][0]["sha256"]) == _SHA
    assert plain["files"][0]["sha256"] != bytes.fromhex(_SHA)
    assert [row[0] for row in plain["xorbs"][0]["chunks"]] == [oracle.chunk_hash(raw) for raw in _RAWS]
    assert [row[3] for row in plain["xorbs"][0]["chunks"]][:2] == [1 << 31, 0]
    assert plain["rest"] == b""


def test_header_footer_size_is_ignored_in_uploads() -> None:
    """hf-xet 1.2 announces a footer of 200 bytes and sends none."""
    for size in (0, 200, 2**64 - 1):
        assert shards.parse_shard(_put(_DATA, 40, "<Q", size)) == _UPLOAD


def test_dedup_answer_is_that_of_the_oracle() -> None:
    """Chunk hashes are blinded, the footer carries key and expiry, the bytes are those of the reference."""
    key, block = b"k" * 32, shards.xorb_block(_TABLE)
    data = shards.dedup_shard([block], key=key, now=1000, expires=2000)
    rows = oracle.parse_shard(shards.encode_shard(Shard((), (block,))))["xorbs"]
    assert data == oracle.make_dedup_shard(rows, key, 1000, 2000)
    answer = shards.parse_shard(data)
    assert answer.footer == Footer(key, 1000, 2000)
    assert answer.files == ()
    assert answer.xorbs[0].chunks == [(oracle.keyed(key, oracle.chunk_hash(raw)), len(raw)) for raw in _RAWS]
    with pytest.raises(DigestMismatch):
        shards.check_xorb_block(answer.xorbs[0])


@pytest.mark.parametrize(("key", "expires"), [(b"short", 9), (b"k" * 32, 5)])
def test_dedup_answers_need_a_key_and_a_future(key: bytes, expires: int) -> None:
    """A short key or an expiry that is not after now is a programming error."""
    with pytest.raises(ValueError, match="dedup answer"):
        shards.dedup_shard([shards.xorb_block(_TABLE)], key=key, now=5, expires=expires)


def test_eligible_chunks_are_one_in_1024_and_the_named_ones() -> None:
    """Eligibility follows from the last word of the hash."""
    assert shards.is_dedup_eligible(bytes(24) + (2048).to_bytes(8, "little"))
    assert not shards.is_dedup_eligible(bytes(24) + (2049).to_bytes(8, "little"))
    block = shards.xorb_block(_TABLE, [4])
    flags = [row[3] for row in oracle.parse_shard(shards.encode_shard(Shard((), (block,))))["xorbs"][0]["chunks"]]
    assert [at for at, flag in enumerate(flags) if flag] == [
        at for at in range(12) if at == 4 or shards.is_dedup_eligible(_TABLE.hash_at(at))
    ]


def test_xorb_blocks_are_recomputed() -> None:
    """A block under another name is refused."""
    shards.check_xorb_block(_UPLOAD.xorbs[0])
    with pytest.raises(DigestMismatch):
        shards.check_xorb_block(replace(_UPLOAD.xorbs[0], xorb=XetHash("3" * 64)))


def test_every_truncation_is_refused() -> None:
    """A shard that stops early is never taken for a smaller one."""
    for size in range(0, len(_DATA), 7):
        with pytest.raises(BadFormat):
            shards.parse_shard(_DATA[:size])


_XORB_AT = _DATA.index(xet_to_bytes(_TABLE.xorb), len(_DATA) - 48 * 14)


@pytest.mark.parametrize(
    "data",
    [
        b"X" + _DATA[1:],
        _put(_DATA, 32, "<Q", 3),
        _put(_DATA, 48 + 32, "<I", 0xC0000001),
        _put(_DATA, 48 + 36, "<I", 0xFFFFFFFF),
        _put(_DATA, 96 + 40, "<I", 3),
        _put(_DATA, 96 + 36, "<I", 0),
        _put(_DATA, 96 + 44, "<I", 9000),
        _put(_DATA, _XORB_AT + 36, "<I", 0),
        _put(_DATA, _XORB_AT + 36, "<I", 8000),
        _put(_DATA, _XORB_AT + 40, "<I", 77),
        _put(_DATA, _XORB_AT + 48 + 32, "<I", 1),
        _put(_DATA, _XORB_AT + 48 + 36, "<I", 0),
        _put(_DATA, _XORB_AT + 48 + 36, "<I", 131_073),
        _DATA + b"x",
        _DATA + bytes(199),
        _DATA + bytes(200),
    ],
)
def test_malformed_shards_are_refused(data: bytes) -> None:
    """Wrong tag, version, flags, counts, terms, offsets, sums, and a footer that is none."""
    with pytest.raises(BadFormat):
        shards.parse_shard(data)


def test_sizes_and_counts_are_bounded() -> None:
    """A shard above its bound and a xorb of more than 8,192 chunks are refused, whatever follows."""
    with pytest.raises(TooLarge):
        shards.parse_shard(_DATA, max_bytes=len(_DATA) - 1)
    with pytest.raises(TooLarge):
        shards.parse_shard(_put(_DATA, _XORB_AT + 36, "<I", 8193))


def test_footers_have_to_describe_the_shard() -> None:
    """Version and offsets of a footer are those of the blocks before it; lookup tables in between are passed over."""
    data = shards.encode_shard(replace(_UPLOAD, footer=Footer(NO_KEY, 5, 6)))
    at = len(data) - 200
    for offset in (0, 8, 16, 192):
        with pytest.raises(BadFormat):
            shards.parse_shard(_put(data, at + offset, "<Q", 12345))
    with_tables = _put(data[:at] + bytes(120) + data[at:], len(data) + 120 - 8, "<Q", at + 120)
    assert shards.parse_shard(with_tables).footer == Footer(NO_KEY, 5, 6)
