"""Scorers by name."""

from __future__ import annotations

import pytest

from hanse.errors import NotFoundError
from hanse.evals.scoring import scorer_of
from hanse.evals.suite import Item


@pytest.mark.parametrize(
    ("name", "text", "score"),
    [
        ("exact", " 42\n", 1.0),
        ("exact", "42.", 0.0),
        ("first-number", "The answer is 42, not 43", 1.0),
        ("first-number", "40 + 2 = 42", 0.0),
        ("last-number", "40 + 2 = 42", 1.0),
        ("last-number", "", 0.0),
    ],
)
def test_scores(name: str, text: str, score: float) -> None:
    """A score depends on the item's target and the text."""
    assert scorer_of((name, "1"))(Item("a", "a", (("user", "?"),), "42"), text) == score


def test_unknown() -> None:
    """A suite with a scorer of another version is not scored by this one."""
    with pytest.raises(NotFoundError):
        scorer_of(("exact", "2"))
