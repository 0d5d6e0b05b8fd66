"""The orders in which levels and knowledge of weights are compared."""

from __future__ import annotations

from hanse.evals.countersignature import Level
from hanse.evals.record import WeightsClass
from hanse.model.evaluated import LEVELS, RERUN, WEIGHTS


def test_the_orders_are_those_of_records() -> None:
    """Every level and class of weights is in its order, and a rerun begins at V3."""
    assert tuple(one.value for one in Level) == LEVELS
    assert set(WEIGHTS) == {one.value for one in WeightsClass}
    assert (WEIGHTS[-1], RERUN) == (WeightsClass.LOCAL.value, Level.V3.value)
