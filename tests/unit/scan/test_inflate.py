"""Decompressed bytes as a source: equal to what the libraries make, at any offset, and never for free."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from tests.samples.zstd import packed, skipped, with_dictionary

from hanse.scan import inflate
from hanse.scan.budget import Budget, OverBudget, limits_for
from hanse.scan.inflate import (
    BZIP2,
    DEFLATE,
    GZIP,
    LZ4,
    LZMA,
    STORED,
    XZ,
    ZLIB,
    ZSTD,
    ZSTD_FRAME,
    Codec,
    InflatedSource,
    branch_filter,
    is_stream,
    lzma1,
    lzma2,
)
from hanse.scan.source import BytesSource, SliceSource

TEXT = b"".join(b"%d," % random.Random(1).randrange(10**9) for _ in range(60_000))
KINDS: list[tuple[Codec, Callable[[bytes], bytes]]] = [
    (GZIP, lambda data: gzip.compress(data, 1)),
    (ZLIB, lambda data: zlib.compress(data, 1)),
    (BZIP2, lambda data: bz2.compress(data, 1)),
    (XZ, lambda data: lzma.compress(data, preset=0)),
    (LZMA, lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE, preset=0)),
    (LZ4, lz4.frame.compress),
    (ZSTD, packed),
]


def _budget(size: int = 1_000_000) -> Budget:
    return Budget(limits_for(size))


@pytest.mark.parametrize(("codec", "make"), KINDS, ids=[codec.name for codec, _ in KINDS])
def test_any_offset(codec: Codec, make: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are kept, in the window, behind it, and before it after a restart are all the same bytes."""
    monkeypatch.setattr(inflate, "KEEP", 50_000)
    monkeypatch.setattr(inflate, "MAKE", 8_000)
    packed = BytesSource(make(TEXT))
    for size in (None, len(TEXT)):
        source = InflatedSource(packed, codec, _budget(), size)
        assert source.size == len(TEXT)
        for offset in (0, 200_000, 40_000, 49_990, 100_000, len(TEXT) - 5, 10, 150_000):
            assert source.read_at(offset, 30_000) == TEXT[offset : offset + 30_000]
        assert source.read_at(len(TEXT), 10) == source.read_at(-1, 10) == b""
        assert source.defect is None


@pytest.mark.parametrize(("codec", "make"), KINDS, ids=[codec.name for codec, _ in KINDS])
def test_broken_streams_give_what_they_have(codec: Codec, make: Callable[[bytes], bytes]) -> None:
    """A cut stream is readable up to the cut, and says so."""
    data = make(TEXT)
    source = InflatedSource(BytesSource(data[: len(data) // 2]), codec, _budget())
    assert source.defect == "truncated"
    assert TEXT.startswith(source.read_at(0, source.size))
    assert InflatedSource(BytesSource(data + b"more"), codec, _budget()).trailing == 4


def test_streams_behind_each_other() -> None:
    """What readers join is joined, for the formats in which they do."""
    for codec, make in KINDS:
        source = InflatedSource(BytesSource(make(b"ab") + make(b"cd")), codec, _budget())
        assert source.read_at(0, 9) == (b"abcd" if codec.joins else b"ab")


def test_bytes_are_charged_before_they_are_used() -> None:
    """A bomb ends the measuring, and what was made until then is there to be read."""
    packed = BytesSource(zlib.compress(bytes(3_000_000)))
    budget = Budget({"inflated": 1_000_000, "operations": 1_000_000})
    source = InflatedSource(packed, ZLIB, budget)
    assert source.over == "inflated"
    assert 0 < source.size < 1_000_001
    with pytest.raises(OverBudget):
        InflatedSource(packed, ZLIB, budget, 3_000_000).read_at(2_000_000, 10)


def test_slow_decompressors_cost_more() -> None:
    """The same bytes cost more from bzip2 than from zlib, as they take more time."""
    spent = []
    for codec, make in KINDS[1:3]:
        budget = _budget()
        InflatedSource(BytesSource(make(TEXT)), codec, budget)
        spent.append(budget.spent["inflated"])
    assert spent[1] == BZIP2.weight * spent[0]


def test_empty_streams_are_not_free() -> None:
    """A file of nothing but empty streams runs out of operations."""
    source = InflatedSource(BytesSource(gzip.compress(b"") * 2_000), GZIP, Budget({"inflated": 100, "operations": 10_000}))
    assert source.over == "operations"


def test_dictionaries_are_bounded() -> None:
    """A stream that asks for a huge dictionary is refused before it is allocated."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]
    source = InflatedSource(BytesSource(lzma.compress(b"a" * 100, filters=filters)), XZ, _budget())
    assert source.defect == "dictionary"
    assert lzma1(b"\x5d\xff\xff\xff\xff") is None
    assert lzma1(b"\xff\x00\x00\x01\x00") is None
    assert lzma2(b"\x28") is None
    assert lzma2(b"\x18") is not None


def test_zstandard_memory_is_bounded() -> None:
    """A frame that asks for more than 64 MiB, or for a dictionary that is not there, is not read, and not called broken."""
    for window, defect in ((26, None), (27, "dictionary"), (31, "dictionary")):
        assert InflatedSource(BytesSource(packed(TEXT, window=window)), ZSTD, _budget()).defect == defect
    assert InflatedSource(BytesSource(with_dictionary(b"hello world 5" * 9)), ZSTD, _budget()).defect == "dictionary"
    assert InflatedSource(BytesSource(ZSTD_FRAME + b"\xff" * 90), ZSTD, _budget()).defect == "corrupt"


def test_frames_that_are_passed_over() -> None:
    """Sizes before a stream and seek tables behind it belong to it, wherever they are; empty ones are not free."""
    source = InflatedSource(
        BytesSource(skipped(b"size") + packed(b"ab") + packed(b"cd") + skipped(b"table", 14)), ZSTD, _budget()
    )
    assert (source.read_at(0, 9), source.trailing, source.defect) == (b"abcd", 0, None)
    many = InflatedSource(BytesSource(packed(b"a") + skipped(b"") * 2_000), ZSTD, Budget({"inflated": 100, "operations": 10_000}))
    assert many.over == "operations"


def test_raw_streams() -> None:
    """Containers keep LZMA, filters and deflate without headers."""
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    made = lzma.compress(TEXT, format=lzma.FORMAT_RAW, filters=filters)
    codec = lzma2(b"\x08", branch_filter(b"\x03\x03\x01\x03", b""))
    assert codec is not None
    assert InflatedSource(BytesSource(made), codec, _budget(), len(TEXT)).read_at(0, len(TEXT)) == TEXT
    assert branch_filter(b"\x06", b"") is None
    raw = zlib.compress(TEXT)[2:-4]
    assert InflatedSource(BytesSource(raw), DEFLATE, _budget()).size == len(TEXT)
    assert InflatedSource(BytesSource(TEXT), STORED, _budget(), 10).read_at(2, 99) == TEXT[2:10]


def test_is_stream() -> None:
    """A slice of a stream is a stream, a slice of bytes is not."""
    source = InflatedSource(BytesSource(gzip.compress(TEXT)), GZIP, _budget())
    assert is_stream(SliceSource(SliceSource(source, 1, 9), 1, 2))
    assert not is_stream(SliceSource(BytesSource(TEXT), 0, 9))
