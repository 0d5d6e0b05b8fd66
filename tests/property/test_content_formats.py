"""Xet formats under arbitrary input: what was written is read, and anything else is refused with one of three errors."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vectors import xet_primitives as oracle

from hanse.content import hashing, shard, terms, xorb
from hanse.content.chunking import Chunker
from hanse.content.compression import Scheme, bg4_join, bg4_split, decompress
from hanse.content.gitobjects import lfs_pointer, parse_lfs_pointer
from hanse.content.shard import FileBlock, Footer, Shard
from hanse.content.terms import Term
from hanse.content.xorbwriter import serialise
from hanse.errors import BadFormat, DigestMismatch, TooLarge
from hanse.model.digest import Sha256, XetHash, xet_from_bytes

_REFUSALS = (BadFormat, TooLarge, DigestMismatch)

_raws = st.lists(
    st.one_of(st.binary(min_size=1, max_size=300), st.builds(bytes, st.integers(1, 131_072))), min_size=1, max_size=12
)
_hashes = st.binary(min_size=32, max_size=32).map(xet_from_bytes)
_terms = st.builds(
    lambda name, start, count, each: Term(name, start, start + count, count * each),
    _hashes,
    st.integers(0, 4000),
    st.integers(1, 4000),
    st.integers(1, 131_072),
)


def _fixed(scheme: Scheme | None) -> tuple[bytes, xorb.XorbTable]:
    return serialise([b"word " * 60, bytes(range(256)), bytes(3000), b"x"], scheme)


def _shard_bytes(*, footer: bool) -> bytes:
    table = _fixed(None)[1]
    term = Term(table.xorb, 0, 4, table.raw_size)
    file = FileBlock(XetHash("1" * 64), (term, term), (bytes(32), bytes(32)), Sha256("2" * 64))
    return shard.encode_shard(Shard((file,), (shard.xorb_block(table),), Footer(b"k" * 32, 1, 2) if footer else None))


_SAMPLES: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "xorb": (_fixed(None)[0], xorb.parse_xorb),
    "plain xorb": (_fixed(Scheme.NONE)[0] + b"XETBLOB\x01footer", xorb.parse_xorb),
    "table": (_fixed(None)[1].encode(), xorb.parse_table),
    "uploaded shard": (_shard_bytes(footer=False), shard.parse_shard),
    "stored shard": (_shard_bytes(footer=True), shard.parse_shard),
    "chunk list": (_fixed(None)[1].chunk_list(0, 4), hashing.parse_chunk_list),
    "terms": (terms.encode_terms([Term(XetHash("1" * 64), 0, 4, 90)] * 3), terms.parse_terms),
}


def _refuses_or_reads(parse: Callable[[bytes], object], data: bytes) -> None:
    """Parse; only the three refusals may come out, whatever the data."""
    try:
        parse(data)
    except _REFUSALS:
        return


@pytest.mark.parametrize("name", _SAMPLES)
@given(chance=st.randoms(use_true_random=False), changes=st.integers(1, 4))
@settings(max_examples=120, deadline=None)
def test_altered_bytes_are_read_or_refused(name: str, chance: random.Random, changes: int) -> None:
    """Flipped bits, bytes overwritten with extremes, cuts and insertions never raise anything but a refusal."""
    sample, parse = _SAMPLES[name]
    data = bytearray(sample)
    for _ in range(changes):
        at = chance.randrange(len(data)) if data else 0
        kind = chance.randrange(4)
        if kind == 0 and data:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at : at + 4] = chance.choice([b"\xff" * 4, bytes(4), b"\0\0\0\x80"])
        elif kind == 2:
            del data[at : at + chance.choice([1, 8, 48, len(data)])]
        else:
            data[at:at] = chance.randbytes(chance.choice([1, 8, 48]))
    _refuses_or_reads(parse, bytes(data))


@pytest.mark.parametrize("name", _SAMPLES)
@given(data=st.binary(max_size=400), keep=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_noise_is_read_or_refused(name: str, data: bytes, keep: int) -> None:
    """Arbitrary bytes, also after an honest beginning, never raise anything but a refusal."""
    sample, parse = _SAMPLES[name]
    _refuses_or_reads(parse, sample[:keep] + data)


@pytest.mark.parametrize("name", ["xorb", "uploaded shard", "table"])
def test_every_cut_is_refused(name: str) -> None:
    """A proper beginning of a shard or table is never accepted, of a xorb only at the end of a chunk."""
    sample, parse = _SAMPLES[name]
    ends = _fixed(None)[1].stored.tolist() if name == "xorb" else []
    for size in range(len(sample)):
        if size in ends[1:]:
            parse(sample[:size])
        else:
            with pytest.raises(_REFUSALS):
                parse(sample[:size])


@given(at=st.integers(0), bit=st.integers(0, 7), scheme=st.sampled_from([None, *Scheme]))
@settings(max_examples=150, deadline=None)
def test_no_flipped_bit_passes_under_the_old_name(at: int, bit: int, scheme: Scheme | None) -> None:
    """Whatever bit is flipped, the xorb is refused or still holds the very same chunks."""
    honest, table = _fixed(scheme)
    data = bytearray(honest)
    data[at % len(data)] ^= 1 << bit
    try:
        again, chunks = xorb.parse_xorb(bytes(data), table.xorb)
    except _REFUSALS:
        return
    assert [chunk.raw for chunk in chunks] == [chunk.raw for chunk in xorb.parse_xorb(honest)[1]]
    assert again.digest != table.digest


@given(raws=_raws, scheme=st.sampled_from([None, *Scheme]), cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_xorbs_round_trip_for_any_arrival(raws: list[bytes], scheme: Scheme | None, cuts: list[int]) -> None:
    """What was serialised is read back from any sequence of pieces, and any run of chunks can be decoded alone."""
    data, table = serialise(raws, scheme)
    reader, found, at = xorb.XorbReader(keep_raw=True), [], 0
    while at < len(data):
        size = cuts[at % len(cuts)]
        found += reader.feed(data[at : at + size])
        at += size
    assert [chunk.raw for chunk in found] == raws
    assert reader.finish(table.xorb).encode() == table.encode() == xorb.parse_table(table.encode()).encode()
    first, end = len(raws) // 3, len(raws)
    start, stop = table.stored_range(first, end)
    assert xorb.decode_range(table, first, end, data[start:stop]) == b"".join(raws[first:])


@given(
    files=st.lists(
        st.builds(
            lambda name, parts, ranges, sha: FileBlock(
                name, tuple(parts), (bytes(32),) * len(parts) if ranges else (), Sha256(sha) if sha else None
            ),
            _hashes,
            st.lists(_terms, max_size=4),
            st.booleans(),
            st.none() | _hashes,
        ),
        max_size=4,
    ),
    raws=_raws,
    footer=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_shards_round_trip(files: list[FileBlock], raws: list[bytes], *, footer: bool) -> None:
    """Any shard comes back as it was written, a name of all ones excepted: it cannot be told from the end of a list."""
    table = serialise(raws)[1]
    value = Shard(tuple(files), (shard.xorb_block(table),), Footer(hashing.NO_KEY, 1, 2) if footer else None)
    if all(file.file != "f" * 64 for file in files):
        assert shard.parse_shard(shard.encode_shard(value)) == value


@given(parts=st.lists(_terms, max_size=8))
@settings(max_examples=60, deadline=None)
def test_terms_round_trip(parts: list[Term]) -> None:
    """Packed terms come back as they were."""
    assert list(terms.parse_terms(terms.encode_terms(parts))) == parts


@given(leaves=st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.integers(1, 131_072)), max_size=120))
@settings(max_examples=60, deadline=None)
def test_file_hashes_equal_the_oracle(leaves: list[tuple[bytes, int]]) -> None:
    """For any chunks, tree and file hash are those of the reference, also from the chunk list."""
    name = xet_from_bytes(oracle.file_hash(leaves))
    assert hashing.file_hash(leaves) == name
    assert hashing.file_hash_of_chunk_list(hashing.encode_chunk_list(leaves)) == (name, sum(size for _, size in leaves))
    assert hashing.xorb_hash(leaves) == xet_from_bytes(oracle.tree(leaves))


@given(
    blocks=st.lists(st.tuples(st.integers(0, 2**32), st.integers(1, 60_000), st.sampled_from([1, 3, 256])), max_size=4),
    pieces=st.lists(st.integers(1, 90_000), min_size=1, max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_chunks_equal_the_oracle(blocks: list[tuple[int, int, int]], pieces: list[int]) -> None:
    """For any content and arrival, the cuts are those of the byte-by-byte reference and no byte is lost."""
    data = b"".join(
        bytes(size) if alphabet == 1 else bytes(byte % alphabet for byte in random.Random(seed).randbytes(size))
        for seed, size, alphabet in blocks
    )
    chunker, found, at = Chunker(), [], 0
    while at < len(data):
        size = pieces[at % len(pieces)]
        found += chunker.feed(data[at : at + size])
        at += size
    assert found + chunker.finish() == oracle.chunks(data)


@given(data=st.binary(max_size=200))
def test_byte_grouping_round_trips(data: bytes) -> None:
    """Grouping loses nothing and equals the reference."""
    assert bg4_split(data) == oracle.bg4_split(data)
    assert bg4_join(bg4_split(data)) == data


@given(data=st.binary(max_size=300), length=st.integers(1, 131_072), scheme=st.sampled_from(list(Scheme)))
@settings(max_examples=100, deadline=None)
def test_any_payload_decompresses_to_its_length_or_is_refused(data: bytes, length: int, scheme: Scheme) -> None:
    """Whatever the payload, the result has the declared length or there is none."""
    for payload in (data, b"\x04\x22\x4d\x18" + data):
        try:
            assert len(decompress(payload, scheme, length)) == length
        except BadFormat:
            continue


@given(data=st.binary(max_size=200), tail=st.binary(max_size=3))
def test_only_canonical_pointers_are_pointers(data: bytes, tail: bytes) -> None:
    """A text is taken for a pointer only if it is, byte for byte, the pointer to what was read from it."""
    for content in (data, lfs_pointer(Sha256("a" * 64), 7) + tail, lfs_pointer(Sha256("a" * 64), 7)[: len(data)]):
        found = parse_lfs_pointer(content)
        assert found is None or lfs_pointer(*found) == content
