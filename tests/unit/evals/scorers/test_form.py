"""Checks of form: each passes what it asks for and fails what is next to it."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat
from hanse.evals.scorers.form import CHECKS, form, sentences, target_of, words
from hanse.evals.suite import Item

CASES: list[tuple[str, int | str, str, str]] = [
    ("words-most", 3, "one two three", "one two three four"),
    ("words-exactly", 1, "Bread.", "Brown bread"),
    ("words-least", 2, "two words", "one"),
    ("sentences-exactly", 2, "It is old. It stands!", "It is old."),
    ("lines-exactly", 2, "a\n\nb", "a"),
    ("bullets-exactly", 2, "- a\n- b", "- a\nb"),
    ("numbered-exactly", 2, "1. a\n2) b", "1. a"),
    ("commas-exactly", 1, "a, b", "a b"),
    ("starts-with", "BEGIN", "BEGIN now", "now BEGIN"),
    ("ends-with", "END", "the END", "END."),
    ("without", "blue", "green", "Blue sky"),
    ("with", "blue", "Blue sky", "green"),
    ("lower-case", "", "all low.", "Not low"),
    ("upper-case", "", "ALL UP!", "Not up"),
    ("json-keys", "name,use", '```json\n{"use": 1, "name": "x"}\n```', '{"name": "x"}'),
    ("json-list", 2, '["a", "b"]', '["a", 2]'),
]


def item(target: str) -> Item:
    """Return an item with this target."""
    return Item("q", "q", (("user", "?"),), target)


@pytest.mark.parametrize(("name", "argument", "good", "bad"), CASES, ids=lambda value: str(value)[:20])
def test_checks(name: str, argument: int | str, good: str, bad: str) -> None:
    """A check passes an answer of the form, and fails another, and nothing at all unless it only forbids."""
    target = target_of((name, argument))
    assert form(item(target), good) == 1
    assert form(item(target), bad) == 0
    assert form(item(target), "") == (name == "without")


def test_every_check_is_tried() -> None:
    """No check is without a case."""
    assert {case[0] for case in CASES} == set(CHECKS)


def test_all_must_hold() -> None:
    """One check that fails makes the answer wrong."""
    both = item(target_of(("words-exactly", 2), ("with", "tea")))
    assert (form(both, "green tea"), form(both, "green grass"), form(both, "tea")) == (1, 0, 0)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "{}",
        '{"checks":[]}',
        '{"checks":[["magic",1]]}',
        '{"checks":[["words-most","3"]]}',
        '{"checks":[["words-most",true]]}',
    ],
)
def test_targets_that_say_nothing(target: str) -> None:
    """A target without checks, with an unknown one or a wrong argument is an error of the suite, not of the model."""
    with pytest.raises(BadFormat):
        form(item(target), "x")


def test_counting() -> None:
    """Words keep apostrophes and hyphens; a sentence needs an end or the end of the text."""
    assert words("Don't stop a well-known tune!") == ["Don't", "stop", "a", "well-known", "tune"]
    assert (sentences("3.5 metres. Yes"), sentences(""), sentences("水。火。")) == (2, 0, 1)
