"""Where the parts of a zip archive lie."""

from __future__ import annotations

from tests.samples.zipcraft import Craft, Part, archive

from hanse.scan.budget import Budget, limits_for
from hanse.scan.source import BytesSource
from hanse.scan.ziplayout import Gap, gaps, hidden, is_padding, overlaps, record_spans, span_of
from hanse.scan.zipread import directories, find_ends, read_local

BUDGET = Budget(limits_for(1_000_000))


def _gaps(data: bytes) -> list[Gap]:
    source = BytesSource(data)
    found = list(directories(source, find_ends(source), BUDGET))
    spans = []
    for entry in found[0].entries:
        local = read_local(source, entry.start)
        assert local is not None
        spans.append(span_of(source, entry, local))
    return list(gaps(spans + record_spans(source, find_ends(source), found), len(data)))


def test_plain_archives_have_no_gaps() -> None:
    """Members, descriptors, directory, records and comment account for every byte."""
    assert _gaps(archive(("a", b"hello"), ("b", b""))) == []
    assert _gaps(Craft((Part(b"a", b"hello", described=True), Part(b"b", b"x" * 70, method=8, described=True))).build()) == []
    assert _gaps(Craft((Part(b"a", b"", described=True), Part(b"b", b"", described=True))).build()) == []
    assert _gaps(archive(("a", b"hello"), comment=b"words")) == []


def test_gaps() -> None:
    """Bytes in front, between and behind are found."""
    data = archive(("a", b"hello"), prefix=b"123", gap=b"4567", suffix=b"89")
    assert [(one.place, one.end - one.start) for one in _gaps(data)] == [("front", 3), ("between", 4), ("behind", 2)]


def test_overlaps() -> None:
    """A member that begins inside another one is reported, neighbours are not."""
    assert list(overlaps([(0, 5), (5, 9), (20, 30), (25, 26)])) == [(25, 26)]


def test_padding() -> None:
    """Zeros and Android's signing block are nothing, other bytes are something."""
    block = b"x" * 40 + b"APK Sig Block 42"
    assert is_padding(BytesSource(bytes(50)), Gap(0, 50, "between"), BUDGET)
    assert is_padding(BytesSource(block), Gap(0, len(block), "between"), BUDGET)
    assert not is_padding(BytesSource(b"\0\0x"), Gap(0, 3, "between"), BUDGET)


def test_hidden_members() -> None:
    """Local headers without entry are followed as a streaming reader does, sizes or not."""
    parts = (Part(b"a", b"hello"), Part(b"b", b"x" * 9, described=True), Part(b"c", b"z"))
    data = Craft(tuple(Part(one.name, one.data, described=one.described, listed=False) for one in parts)).build()
    found = list(hidden(BytesSource(data), Gap(0, len(data), "front"), BUDGET))
    assert [one.name for one in found] == ["a", "b", "c"]
