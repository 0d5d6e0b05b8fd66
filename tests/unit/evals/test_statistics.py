"""Statistics against published values, exact sums, and each other."""

from __future__ import annotations

import math
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.errors import BadFormat
from hanse.evals.statistics import (
    clopper_pearson,
    clustered_mean,
    critical,
    design_effect,
    gwet_ac1,
    items_needed,
    kappa,
    mcnemar,
    rate_interval,
    wilson,
)

NEEDED = {
    0.01: (857, 215, 96, 35),
    0.02: (1713, 429, 191, 69),
    0.05: (4283, 1071, 476, 172),
    0.12: (10278, 2570, 1142, 412),
}


@pytest.mark.parametrize("discordance", NEEDED)
def test_items_needed(discordance: float) -> None:
    """The numbers of items are those of the published table, for margins of 1, 2, 3 and 5 points."""
    found = tuple(items_needed(discordance, margin) for margin in (0.01, 0.02, 0.03, 0.05))
    assert all(abs(a - b) <= 1 for a, b in zip(found, NEEDED[discordance], strict=True))


def test_known_intervals() -> None:
    """Wilson's and Clopper and Pearson's intervals of 15 of 148 are the published ones; nothing in 313 leaves about 1 %."""
    exact, score = clopper_pearson(15, 148, 0.95), wilson(15, 148, 0.95)
    assert (round(exact.low, 4), round(exact.high, 4)) == (0.0578, 0.1617)
    assert (round(score.low, 4), round(score.high, 4)) == (0.0624, 0.1605)
    assert round(clopper_pearson(0, 313, 0.90).high, 4) == 0.0095
    assert (round(critical(0.90), 3), round(critical(0.99), 3)) == (1.645, 2.576)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.9, 0.95, 0.99]))
def test_exact_bounds(case: tuple[int, int], level: float) -> None:
    """At an exact bound the tail that it leaves out has just the probability that it may have."""
    count, n = case
    found, tail = clopper_pearson(count, n, level), (1 - level) / 2
    if count < n:
        assert abs(_at_most(count, n, found.high) - tail) < 1e-6
    if count:
        assert abs(1 - _at_most(count - 1, n, found.low) - tail) < 1e-6
    assert found.low <= count / n <= found.high


def _at_most(count: int, n: int, p: float) -> float:
    exact = Fraction(p)
    return float(sum(comb(n, k) * exact**k * (1 - exact) ** (n - k) for k in range(count + 1)))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_alone_is_the_usual_error(values: list[float]) -> None:
    """With a cluster for each item the error is the standard deviation over the root of n."""
    n = len(values)
    mean = clustered_mean(values, [str(at) for at in range(n)])
    spread = math.sqrt(sum((value - mean.value) ** 2 for value in values) / (n - 1))
    assert mean.se == pytest.approx(spread / math.sqrt(n), abs=1e-12)


def test_copies_add_nothing() -> None:
    """Ten copies of each item in its cluster leave the error as it was; taken for independent ones they would shrink it."""
    values = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    once = clustered_mean(values, [str(at) for at in range(8)])
    names = [str(at) for at in range(8) for _ in range(10)]
    copied = clustered_mean([value for value in values for _ in range(10)], names)
    assert copied.se == pytest.approx(once.se)
    assert design_effect(copied) == pytest.approx(10, rel=0.2)
    wide, narrow = rate_interval([v for v in values for _ in range(10)], names, 0.9), wilson(50, 80, 0.9)
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)


def test_one_cluster_says_nothing() -> None:
    """Items that all hang together have an error without bound."""
    assert clustered_mean([0.0, 1.0, 1.0], ["a"] * 3).se == math.inf


def test_nonsense() -> None:
    """No items, clusters that do not fit, and impossible rates are refused."""
    for call in (
        lambda: clustered_mean([], []),
        lambda: clustered_mean([1.0], []),
        lambda: wilson(2, 1, 0.9),
        lambda: clopper_pearson(0, 0, 0.9),
        lambda: critical(1.0),
        lambda: rate_interval([2.0, 0.0], ["a", "b"], 0.9),
        lambda: items_needed(2, 0.1),
    ):
        with pytest.raises(BadFormat):
            call()


@pytest.mark.parametrize(("first", "second", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (2, 10, 0.0386)])
def test_mcnemar(first: int, second: int, p: float) -> None:
    """The exact p doubles the smaller tail of a fair coin."""
    assert mcnemar(first, second) == pytest.approx(p, abs=5e-5)


def test_agreement_beyond_chance() -> None:
    """Kappa and AC1 are those of worked examples; where all say the same, kappa has no value and AC1 is 1."""
    table = {(True, True): 20, (True, False): 5, (False, True): 10, (False, False): 15}
    assert kappa(table) == pytest.approx(0.4)
    skewed = {(True, True): 118, (True, False): 5, (False, True): 2, (False, False): 0}
    found = gwet_ac1(skewed)
    assert found is not None
    assert found == pytest.approx(0.94, abs=0.01)
    chance = kappa(skewed)
    assert chance is not None
    assert chance < 0
    same = {(True, True): 9}
    assert (kappa(same), gwet_ac1(same)) == (None, 1.0)
    assert (kappa({}), gwet_ac1({})) == (None, None)
