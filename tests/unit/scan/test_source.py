"""Sources give what is there and nothing beyond."""

from __future__ import annotations

from hanse.scan.source import BytesSource, SliceSource, pieces


def test_reads_end_where_the_source_ends() -> None:
    """A read past the end gives what is left, then nothing; odd numbers never raise."""
    source = BytesSource(b"abcdef")
    assert source.read_at(4, 10) == b"ef"
    assert source.read_at(6, 1) == source.read_at(-1, 3) == source.read_at(0, -1) == b""


def test_a_slice_stays_inside_its_parent() -> None:
    """A slice that claims more than its parent has is cut, and cannot be read outside."""
    part = SliceSource(BytesSource(b"abcdef"), 2, 100)
    assert part.size == 4
    assert part.read_at(0, 100) == b"cdef"
    assert SliceSource(BytesSource(b"abc"), 9, 2).size == 0
    assert SliceSource(BytesSource(b"abcdef"), 1, 2).read_at(1, 5) == b"c"


def test_pieces_cover_the_range() -> None:
    """Pieces are consecutive, of the asked size but for the last."""
    assert list(pieces(BytesSource(b"abcdefg"), 1, 6, step=2)) == [b"bc", b"de", b"f"]
