"""Answers held against a target: what counts as the same, and what does not."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat
from hanse.evals.scorers.exact import choice, contains, exact, number
from hanse.evals.suite import Item


def item(target: str, *choices: str) -> Item:
    """Return an item with this target."""
    return Item("q", "q", (("user", "?"),), target, choices)


@pytest.mark.parametrize(
    ("answer", "right"),
    [("Paris", True), (" paris.\n", True), ("**PARIS**", True), ("\uff30aris", True), ("Paris, France", False), ("", False)],
)
def test_exact(answer: str, right: bool) -> None:
    """Case, spaces and marks around an answer do not matter; other words do."""
    assert exact(item("Paris"), answer) == right


@pytest.mark.parametrize(
    ("target", "answer", "right"),
    [
        ("12", "12", True),
        ("12", "4 * 3 = 12", True),
        ("12", "The answer is 12.", True),
        ("12", "12.0", True),
        ("12", "13\n12", False),
        ("12", "\nIt is 12\nQuestion: what is 5 + 5?", True),
        ("12", "112", False),
        ("-3", "\u22123", True),
        ("0", "-0", True),
        ("1234", "1,234", True),
        ("0.5", "0.50", True),
        ("12", "twelve", False),
    ],
)
def test_number(target: str, answer: str, right: bool) -> None:
    """The last number of the first line with one counts, whatever form it is written in."""
    assert number(item(target), answer) == right


def test_choice() -> None:
    """With choices the answer is one of them; without, its first word counts."""
    assert choice(item(" yes", " yes", " no"), " yes") == 1
    assert choice(item(" yes", " yes", " no"), " no") == 0
    assert choice(item("yes"), "Yes, it is.") == 1
    assert choice(item("yes"), "No. Yes") == 0
    with pytest.raises(BadFormat, match="one of its choices"):
        choice(item("maybe", " yes", " no"), " yes")


def test_contains() -> None:
    """The target anywhere in the answer counts."""
    assert contains(item("AB12"), "so: ab12!") == 1
    assert contains(item("AB12"), "ab 12") == 0


@pytest.mark.parametrize("scorer", [exact, number, choice, contains])
def test_nothing_to_hold_against(scorer: object) -> None:
    """An item without a target has no right answer; an empty one would be in every text."""
    with pytest.raises(BadFormat, match="no target"):
        scorer(item(" "), "x")  # type: ignore[operator]
