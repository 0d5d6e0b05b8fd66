"""Compressed streams: recognised by content, read as far as they go."""

from __future__ import annotations

import bz2
import gzip
import zlib

import lz4.frame
import pytest
from tests.samples.archive import HARMLESS, PAYLOAD, STREAMS
from tests.samples.zstd import packed, skipped
from tests.support.judging import judged, rules_of

from hanse.model.finding import Coverage, Verdict
from hanse.scan.budget import Budget, limits_for
from hanse.scan.compressed import claims, observe
from hanse.scan.facts import View
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Walk


def _walked(data: bytes) -> tuple[View, list[bytes]]:
    seen: list[bytes] = []

    def describe(source: Source, _name: str, walk: Walk) -> None:
        data = source.read_at(0, source.size)
        seen.append(data)
        if claims(data, source):
            with walk.view("compressed", "x", source, executes=True) as view:
                observe(source, view, walk)

    walk = Walk(Budget(limits_for(len(data))), describe)
    describe(BytesSource(data), "", walk)
    return walk.views()[0], seen


@pytest.mark.parametrize("sample", STREAMS.malicious, ids=lambda one: one.path)
def test_payloads_are_reached(sample: object) -> None:
    """Whatever the compression, cut, joined or nested, the payload's bytes are read."""
    assert any(PAYLOAD in one for one in _walked(sample.data)[1][1:])  # type: ignore[attr-defined]


def test_old_joblib() -> None:
    """The container of early joblib versions is read, too."""
    packed = zlib.compress(PAYLOAD)
    _, seen = _walked(b"ZF" + f"{hex(len(PAYLOAD)):<19}".encode() + packed)
    assert PAYLOAD in seen


def test_words_that_look_like_headers() -> None:
    """Bytes that begin like zlib or LZMA and do not decompress are not claimed."""
    for data in (b"x\x9c" + bytes(range(100)) * 9, b"\x5d\x00\x00\x01\x00" + b"\xff" * 8 + b"\xaa" * 900, b"BZh9 is a word"):
        assert not claims(data, BytesSource(data))


def test_broken_streams() -> None:
    """A cut stream is suspicious, one of which nothing can be had a caution, zeros behind it nothing."""
    good = gzip.compress(HARMLESS)
    assert "COMPRESSED-MALFORMED" in rules_of(judged(good[:-9], "a.gz"))
    assert "COMPRESSED-UNREADABLE" in rules_of(judged(good[:10] + b"\xff" * 50, "a.gz"))
    assert judged(gzip.compress(b"hello " * 99) + bytes(50), "a.txt.gz").verdict is Verdict.SAFE


def test_zstandard() -> None:
    """Zstandard is read like the others, after frames that are passed over, too; text in it is nothing to wait for."""
    assert judged(packed(b'{"text": "hello"}\n' * 500), "data.jsonl.zst").verdict is Verdict.SAFE
    data = skipped(b"sizes") + packed(PAYLOAD)
    assert claims(data, BytesSource(data))
    assert judged(data, "a.joblib").verdict is Verdict.MALICIOUS
    other = skipped(b"sizes") + lz4.frame.compress(PAYLOAD)
    assert not claims(other, BytesSource(other))


def test_unreadable_kinds_are_inconclusive() -> None:
    """What needs more memory than is given, or a dictionary, is not read and not safe."""
    found = judged(packed(HARMLESS, window=27), "a.zst")
    assert (found.coverage, found.executes) == (Coverage.INCONCLUSIVE, True)
    broken = judged(b"\x28\xb5\x2f\xfd" + b"\xff" * 20, "a.zst")
    assert "COMPRESSED-UNREADABLE" in rules_of(broken)


def test_bombs() -> None:
    """A stream that outgrows the budget is a bomb and inconclusive, and still read as far as the budget goes."""
    found = judged(bz2.compress(bytes(20_000_000)), "a.bz2")
    assert found.coverage is Coverage.INCONCLUSIVE
    assert "ARCHIVE-BOMB" in rules_of(found)
