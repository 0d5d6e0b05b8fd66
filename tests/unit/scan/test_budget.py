"""Budgets run out at the same place everywhere."""

from __future__ import annotations

import pytest

from hanse.scan.budget import Budget, OverBudget, limits_for


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
