"""Files of streams: what counts as one, several in a row, what is behind them."""

from __future__ import annotations

import pytest
from tests.samples.pickle import FAMILIES, SAFE, SYSTEM, stream
from tests.support.pickles import calls, seen, views

from hanse.scan.pickle.streams import MAX_STREAMS, plausible
from hanse.scan.source import BytesSource


@pytest.mark.parametrize(
    "text",
    [
        b"# README\n",
        b"cat\ndog\nelephant\n",
        b"import os\n",
        b"content of a file\nand more\n",
        b"(a) first\n(b) second\n",
        b"N.B. this\n",
        b"I am\na text.\n",
        b"}\n",
        b"PK\x03\x04\x14\x00\x00\x00",
        b"Some\ntext.\n",
        b"Vienna\n.gitignore\n",
        b"\x80",
        b"",
        b"0.5 0.25\n",
    ],
)
def test_text_is_no_pickle(text: bytes) -> None:
    """Ordinary text and headers of other formats are not taken for streams."""
    assert not plausible(BytesSource(text), 0)


@pytest.mark.parametrize("data", [stream(b"N", 4), stream(SAFE, 0), b"I1\n.", b"(dp0\n.", b"\x80\x02}", stream(SYSTEM, 0)[:-1]])
def test_streams_are_recognised(data: bytes) -> None:
    """Streams of every protocol are, also those that are cut after a call."""
    assert plausible(BytesSource(data), 0)


def test_several_streams() -> None:
    """Each stream has its own observation, and what the second does counts."""
    data = stream(b"N") + stream(b"I1\n", 0) + stream(SYSTEM)
    assert [one["end"] for one in seen(data, "stream")] == ["stop"] * 3
    assert calls(data) == ["posix system"]


def test_streams_without_end_run_out() -> None:
    """A file of thousands of streams is inconclusive."""
    assert views(b"\x80\x02N." * (MAX_STREAMS + 5))[0].stopped == "streams"


def test_trailing_bytes() -> None:
    """What follows the last stream is noted; zeros are told apart."""
    assert seen(stream(SAFE) + bytes(10), "trailing") == [{"bytes": 10, "zeros": True, "count": 1}]
    assert seen(stream(SAFE) + b"\xfe\xff", "trailing")[0]["zeros"] is False
    assert seen(stream(SAFE), "trailing") == []


def test_buried_streams() -> None:
    """A stream that calls something is found behind bytes that are none."""
    junk = bytes(range(1, 250)) * 10
    assert calls(junk + stream(SYSTEM)) == ["posix system"]
    assert calls(stream(b"N") + junk + stream(SYSTEM)) == ["posix system"]
    assert views(junk + stream(b"N")) == []


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_families(family: object) -> None:
    """Every malicious sample shows its command's call, an extension or a memo bomb, no benign one does, malformed ones say so."""
    named = FAMILIES[family.name]  # type: ignore[attr-defined]
    for sample in named.malicious:
        found = [one.data for view in views(sample.data) for one in view.all("pickle.call")]
        assert any("system" in repr(one) or one["callable"] == "" for one in found) or seen(sample.data, "memo"), sample.path
    for sample in named.benign:
        assert "system" not in repr(views(sample.data)), sample.path
    for sample in named.malformed:
        ends = [one["end"] for one in seen(sample.data, "stream")]
        assert ends != ["stop"] or seen(sample.data, "frame"), sample.path
