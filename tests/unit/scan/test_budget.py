"""Budgets run out at the same place everywhere."""

from __future__ import annotations

import pytest

from hanse.scan.budget import Budget, OverBudget, Share, limits_for


def test_a_bound_is_never_passed_silently() -> None:
    """The unit that passes a bound raises; what was spent never shows more than the bound."""
    budget = Budget({"operations": 3})
    budget.spend("operations", 3)
    assert budget.left("operations") == 0
    with pytest.raises(OverBudget, match="operations"):
        budget.spend("operations")
    assert budget.spent == {"operations": 3}


def test_limits_grow_with_the_file() -> None:
    """A larger file may take more work, but not more depth."""
    small, large = limits_for(10), limits_for(100_000_000)
    assert large["operations"] > small["operations"]
    assert large["depth"] == small["depth"]


def test_a_share_is_bounded_by_itself_and_by_the_whole() -> None:
    """What a share spends counts several times to the whole; its own bound leaves the rest to others."""
    whole = Budget({"operations": 10, "programs": 6, "text": 1})
    share = Share(whole, "programs", 3)
    share.spend("operations", 2)
    share.spend("text")
    assert whole.spent == {"operations": 6, "programs": 6, "text": 1}
    with pytest.raises(OverBudget, match="programs"):
        share.spend("operations")
    whole.spend("operations", 4)
    assert share.left("operations") == 0
