"""Range headers: RFC 9110 section 14, in linear time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.errors import BadRange
from hanse.web.ranges import parse_ranges, single_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=90-", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=50-1000", (50, 100)),
        ("BYTES = 1-2", (1, 3)),
        (None, None),
        ("bytes=", None),
        ("bytes=5", None),
        ("bytes=9-5", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0-1,5-6", None),
        ("bytes=" + "1" * 5000, None),
        ("bytes=٣-٤", None),
    ],
)
def test_single_range(header: str | None, expected: tuple[int, int] | None) -> None:
    """Closed, open and suffix ranges are served; several or malformed ones are ignored."""
    assert single_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_unsatisfiable(header: str) -> None:
    """A well-formed range outside the file is an error, not the whole file."""
    with pytest.raises(BadRange):
        single_range(header, 100)


def test_several_ranges_are_kept_in_order() -> None:
    """Multi-range readers get every satisfiable range in the order asked."""
    assert parse_ranges("bytes=0-1,200-,4-5", 100) == [(0, 2), (4, 6)]


@given(st.text(max_size=200), st.integers(0, 1 << 50))
def test_any_header_is_answered(header: str, size: int) -> None:
    """No header makes the parser raise anything but BadRange or return a range outside the file."""
    for text in (header, "bytes=" + header):
        try:
            found = parse_ranges(text, size)
        except BadRange:
            continue
        assert found is None or all(0 <= start < end <= size for start, end in found)
