"""Which scorers there are, and that a suite gets the one it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.errors import BadFormat
from hanse.evals.scorers.registry import SCORERS, score, scorer_of
from hanse.evals.suite import Decoding, Item, Request, Suite

ITEM = Item("q", "q", (("user", "What is 1 + 1?"),), "2")
SUITE = Suite("sums", "1", "CC0-1.0", Request.CHAT, Decoding(0.0, 1.0, 8), ("number", "1"), 1, 0.05, 0.9, False, (ITEM,))


def test_a_suite_gets_its_scorer() -> None:
    """The scorer is found by name and version, and scores."""
    assert scorer_of(SUITE) is SCORERS["number", "1"]
    assert score(SUITE, ITEM, "It is 2.") == 1.0


@pytest.mark.parametrize("scorer", [("number", "2"), ("judge", "1")])
def test_unknown_scorers(scorer: tuple[str, str]) -> None:
    """Another version is another scorer, and none stands in for one that is not there."""
    with pytest.raises(BadFormat, match="does not have"):
        score(replace(SUITE, scorer=scorer), ITEM, "2")


@pytest.mark.parametrize("scorer", SCORERS)
def test_every_outcome_is_a_share(scorer: tuple[str, str]) -> None:
    """Whatever the answer, an outcome lies between 0 and 1."""
    target = '{"checks":[["words-most",3]]}' if scorer[0] == "form" else "2"
    for answer in ("", "2", "\x00\ud7ff" * 1000, "1 " * 100_000, "[" * 50_000, "\U0001f600 2"):
        assert 0 <= score(replace(SUITE, scorer=scorer), replace(ITEM, target=target), answer) <= 1
