"""The table of error rates and power in docs/evaluations.md is what seeded trials come to."""

from __future__ import annotations

import random

import pytest
from tests.docs.power import COLUMNS, SUITES, TRIALS, Suite, rates, row, shown, verdict
from tests.unit.evals.test_compare import rates as one_by_one

from hanse.evals.compare import Verdict


def test_both_errors_are_seldom() -> None:
    """In every row of the table false agreement and false disagreement are at most 5 %, but for what chance does."""
    table = shown()
    assert len(table) == len(SUITES)
    assert max(max(line[:2]) for line in table) <= 0.05 + 2 * (0.05 * 0.95 / TRIALS) ** 0.5


@pytest.mark.parametrize("at", [0, 3, 7, 11])
def test_the_table_is_what_trials_come_to(at: int) -> None:
    """A few trials come to what the table says, within what chance does to so few."""
    trials = 400
    for told, found in zip(shown()[at], row(SUITES[at], trials), strict=True):
        assert abs(told - found) <= 5 * (max(told * (1 - told), 0.002) / trials) ** 0.5


def test_counts_are_all_that_matters() -> None:
    """Drawing how many items are lost and won comes to the same as drawing item by item."""
    suite, trials = Suite(100, 0.05, 0.02), 300
    drawn, each = rates(suite, 1, trials, 1), one_by_one(100, 0.05, 0.06, 0.01, trials, 2)
    for one in Verdict:
        assert abs(drawn[one] - each[one]) <= 0.1


def test_where_lost_items_stand() -> None:
    """A verdict does not depend on which items are lost, only on how many, and in how many clusters."""
    assert {margins for margins, _ in COLUMNS} == {0, 1, 2, 3}
    chance = random.Random(5)
    for _ in range(5):
        lost = chance.randrange(10, 40)
        alone, together = Suite(400, 0.05, 0.0), Suite(400, 0.05, 0.0, 5)
        assert (verdict(alone, lost, 0) is Verdict.AGREES) >= (verdict(together, lost // 5, 0) is Verdict.AGREES)
