"""Patterns from strangers: what they may say, and that none runs away."""

from __future__ import annotations

import time

import pytest

from hanse.errors import BadFormat
from hanse.evals.scorers.pattern import MAX_SEARCHED, compiled, pattern
from hanse.evals.suite import Item


@pytest.mark.parametrize(
    ("target", "answer", "right"),
    [
        ("^(?:yes|no)$", "Yes", True),
        ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "on 2026-11-27.", True),
        (r"colou?r\.", "the color.", True),
        (r"\d{1,3} km", "12 miles", False),
        ("[^a-z]", "abc", False),
    ],
)
def test_found(target: str, answer: str, right: bool) -> None:
    """A pattern is searched for in the answer, whatever the case."""
    assert pattern(Item("q", "q", (("user", "?"),), target), answer) == right


@pytest.mark.parametrize(
    "target",
    [
        "(a+)+$",
        "a*",
        "(a{1,5}){1,5}",
        "(?=a)",
        r"(a)\1",
        "(?P<x>a)",
        "?a",
        "a{1,}",
        "a{3,1}",
        "a{0,64}" * 3,
        "(a|a)" * 13,
        "[z-a]",
        "(a",
        "",
        "a" * 201,
        "a{1,5}?",
        "a{2}{2}",
    ],
)
def test_refused(target: str) -> None:
    """What could match in very many ways, or is no pattern, is refused before it meets an answer."""
    with pytest.raises(BadFormat):
        compiled(target)


@pytest.mark.parametrize("target", ["a{0,63}a{0,63}b", "(?:a|aa)" * 12 + "b", "a?" * 12 + "b"])
def test_the_worst_that_is_allowed_ends_soon(target: str) -> None:
    """The costliest patterns of the form, on the worst answer, take a fraction of a second."""
    start = time.process_time()
    assert pattern(Item("q", "q", (("user", "?"),), target), "a" * 100_000) == 0
    assert time.process_time() - start < 5
    assert MAX_SEARCHED == 2000
