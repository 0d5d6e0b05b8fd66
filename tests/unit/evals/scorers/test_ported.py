"""Scorers of other harnesses, to the letter; tests/interop/test_harnesses.py holds them against the harnesses' own code."""

from __future__ import annotations

import pytest

from hanse.evals.scorers.ported import ends, includes, verbatim, verbatim_lower
from hanse.evals.suite import Item


def item(target: str) -> Item:
    """Return an item with this target."""
    return Item("q", "q", (("user", "?"),), target)


@pytest.mark.parametrize(
    ("answer", "same", "lower"),
    [("Paris", True, True), ("paris", False, True), (" Paris", False, False), ("Paris.", False, False)],
)
def test_verbatim(answer: str, same: bool, lower: bool) -> None:
    """Every space and mark matters, and case unless it is left aside, as in lm-eval."""
    assert (verbatim(item("Paris"), answer), verbatim_lower(item("Paris"), answer)) == (same, lower)


@pytest.mark.parametrize(
    ("answer", "inside", "last"),
    [
        ("It is PARIS.", True, True),
        ("**paris**\n", True, True),
        ("Paris, of course", True, False),
        ("Pa ris", False, False),
        ("", False, False),
    ],
)
def test_includes_and_ends(answer: str, inside: bool, last: bool) -> None:
    """The target stands in the answer, or at its end but for marks, as in Inspect AI."""
    assert (includes(item("paris"), answer), ends(item(" Paris."), answer)) == (inside, last)
