"""What a run costs: exact in millionths, and bounds that mean something."""

from __future__ import annotations

import pytest

from hanse.errors import InputError
from hanse.evals.cost import MOST, UNIT, Price, check_bound, millionths


def test_hours_and_tokens_add_up() -> None:
    """An hour and a million tokens cost their prices together, and what is smaller than a millionth is rounded up."""
    price = Price(hour=2_500_000, million=400_000)
    assert price.cost(3600, 1_000_000) == 2_900_000
    assert price.cost(1, 0) == 695
    assert Price().cost(10**9, 10**12) == 0


def test_amounts() -> None:
    """An amount of a currency is kept to a millionth; what is no amount is refused."""
    assert millionths(2.5, "a price") == 2_500_000
    for bad in (-1.0, float("nan"), float("inf"), MOST / UNIT * 2):
        with pytest.raises(InputError, match="a price is a number"):
            millionths(bad, "a price")


def test_a_bound_needs_a_price() -> None:
    """A bound that no price could reach is no bound, and is refused."""
    check_bound(0, Price())
    check_bound(5, Price(million=1))
    with pytest.raises(InputError, match="needs a price"):
        check_bound(5, Price())
    with pytest.raises(InputError, match="0 to"):
        check_bound(5, Price(hour=MOST + 1))
