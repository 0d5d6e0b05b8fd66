"""Constants in templates folded."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.scan import jinjafold as fold


@pytest.mark.parametrize(
    ("function", "arguments", "result"),
    [
        (fold.add, ("a", "b"), "ab"),
        (fold.add, (1, 2), 3),
        (fold.add, (("a",), ("b",)), ("a", "b")),
        (fold.multiply, ("_", 2), "__"),
        (fold.percent, ("%s-%c", ("a", 95)), "a-_"),
        (fold.braces, ("{}{1}", "a", "b"), None),
        (fold.braces, ("{0}{1}", "a", "b"), "ab"),
        (fold.FILTERS["join"], (("a", "b"), "-"), "a-b"),
        (fold.FILTERS["replace"], ("-a", "-", "_"), "_a"),
        (fold.FILTERS["reverse"], ("ab",), "ba"),
        (fold.FILTERS["first"], ("ab",), "a"),
        (fold.METHODS["join"], ("", ("a", "b")), "ab"),
        (fold.METHODS["split"], ("a,b", ","), ("a", "b")),
        (fold.FUNCTIONS["chr"], (95,), "_"),
        (fold.subscript, ("abc", 1), "b"),
        (fold.sliced, ("abc", None, None, -1), "cba"),
    ],
)
def test_what_jinja_would_compute(function: Any, arguments: tuple[Any, ...], result: Any) -> None:
    """Operators, filters and methods on literals give their value, nothing where they fail."""
    assert fold.combine(function, *((one,) for one in arguments)) == (None if result is None else (result,))


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (fold.multiply, ("a", 10**9)),
        (fold.multiply, (10**30, 10**30)),
        (fold.add, ("a" * 4000, "b" * 4000)),
        (fold.percent, ("%1000000000d", 1)),
        (fold.percent, ("%*d", (10**9, 1))),
        (fold.braces, ("{0:1000000000}", "a")),
        (fold.braces, ("{0.__class__}", "a")),
        (fold.FILTERS["replace"], ("a" * 4000, "", "b" * 4000)),
        (fold.add, ("a", 1)),
        (fold.subscript, ("a", 5)),
    ],
)
def test_what_is_large_or_wrong_is_unknown(function: Any, arguments: tuple[Any, ...]) -> None:
    """No expression makes the scanner build more than a few kilobytes, or reach an attribute."""
    assert fold.combine(function, *((one,) for one in arguments)) is None


def test_choices_multiply_within_bounds() -> None:
    """An expression of a few choices has all combinations; too many are unknown."""
    assert fold.combine(fold.add, ("a", "b"), ("c", "d")) == ("ac", "ad", "bc", "bd")
    many = tuple(map(str, range(10)))
    assert fold.combine(fold.add, many, many) is None
    assert fold.combine(fold.add, None, ("a",)) is None
    assert fold.union(("a",), ("a", "b")) == ("a", "b")
    assert fold.union(many, tuple("abcdefghij")) is None
    assert fold.union(("a",), None) is None
