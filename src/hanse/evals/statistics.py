"""Intervals and tests for evaluation results: clustered means, rates near 0 and 1, paired differences.

Everything is a function of its arguments, in double precision; what is signed is rounded to fixed-point texts elsewhere. Methods:
clustered standard errors and paired differences after Miller, arXiv 2411.00640; Wilson (1927) and Clopper-Pearson (1934)
intervals; the exact test of McNemar; Cohen's kappa and Gwet's AC1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from hanse.errors import BadFormat

_NORMAL = NormalDist()
MAX_ITEMS = 1_000_000
_MOST_STEPS = 2000
_CLOSE, _TINY = 1e-14, 1e-300


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval [low, high]; level: its coverage, between 0 and 1."""

    low: float
    high: float
    level: float

    def within(self, margin: float) -> bool:
        """Tell whether it lies inside (-margin, margin)."""
        return -margin < self.low and self.high < margin

    def beyond(self, margin: float) -> bool:
        """Tell whether it lies wholly outside [-margin, margin]."""
        return self.low > margin or self.high < -margin


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over items. se: its standard error, clustered; clusters: how many there are."""

    value: float
    se: float
    n: int
    clusters: int


def critical(level: float) -> float:
    """Return the z for a two-sided interval of this level: 1.645 for 0.90, 2.576 for 0.99."""
    if not 0 < level < 1:
        raise BadFormat(f"a confidence level lies between 0 and 1, got {level}")
    return _NORMAL.inv_cdf((1 + level) / 2)


def clustered_mean(values: Sequence[float], clusters: Sequence[str]) -> Mean:
    """Return the mean of values and its standard error, where values of one cluster may depend on each other.

    The error is that of a ratio: the root of the sum over clusters of squared sums of residuals, with the correction
    G / (G - 1), over n. One cluster alone tells nothing of the spread: its error is infinite. Raises BadFormat without values.
    """
    n = len(values)
    if not 0 < n <= MAX_ITEMS or len(clusters) != n:
        raise BadFormat(f"a mean is taken over 1 to {MAX_ITEMS:,} items, each in a cluster; got {n} in {len(clusters)}")
    mean = math.fsum(values) / n
    sums: dict[str, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + (value - mean)
    count = len(sums)
    if count == 1:
        return Mean(mean, math.inf, n, 1)
    squares = math.fsum(one * one for one in sums.values())
    return Mean(mean, math.sqrt(squares * count / (count - 1)) / n, n, count)


def wilson(successes: float, n: float, level: float) -> Interval:
    """Return Wilson's score interval for a rate; n may be an effective number of items, thus no integer."""
    if not (n > 0 and 0 <= successes <= n):
        raise BadFormat(f"{successes} of {n} is no rate")
    z, rate = critical(level), successes / n
    centre = rate + z * z / (2 * n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return Interval(max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale), level)


def clopper_pearson(successes: int, n: int, level: float) -> Interval:
    """Return the exact interval for a rate of independent items; 0 of 313 gives an upper bound of 1.17 % at 95 %."""
    if not 0 <= successes <= n <= MAX_ITEMS or n == 0:
        raise BadFormat(f"{successes} of {n} is no rate")
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else _solve(lambda p: 1 - _below(successes - 1, n, p) - tail)
    high = 1.0 if successes == n else _solve(lambda p: tail - _below(successes, n, p))
    return Interval(low, high, level)


def rate_interval(values: Sequence[float], clusters: Sequence[str], level: float) -> Interval:
    """Return an interval for the mean of values in [0, 1]: Clopper-Pearson for independent outcomes, else Wilson's.

    For clusters, or outcomes between 0 and 1, Wilson's interval is taken over the effective number of items: n over the design
    effect, which is the clustered variance over that of independent items, at least 1.
    """
    mean = clustered_mean(values, clusters)
    if any(not 0 <= value <= 1 for value in values):
        raise BadFormat("outcomes lie between 0 and 1")
    total = math.fsum(values)
    if mean.clusters == mean.n and all(value in (0, 1) for value in values):
        return clopper_pearson(round(total), mean.n, level)
    effective = effective_items(mean)
    return wilson(min(effective, mean.value * effective), effective, level)


def effective_items(mean: Mean) -> float:
    """Return of how many independent items a rate tells as much as of these, in their clusters."""
    return mean.n / design_effect(mean)


def design_effect(mean: Mean) -> float:
    """Return by how much clusters multiply the variance of a rate, at least 1 and at most the size of a cluster."""
    binomial = mean.value * (1 - mean.value) / mean.n
    most = mean.n / mean.clusters
    if binomial <= 0 or math.isinf(mean.se):
        return max(1.0, most)
    return min(max(1.0, mean.se**2 / binomial), max(1.0, most))


def _below(count: int, n: int, p: float) -> float:
    """Return the probability of at most `count` successes in n trials."""
    if p <= 0:
        return 1.0
    if p >= 1:
        return 1.0 if count >= n else 0.0
    if count >= n:
        return 1.0
    return _beta(1 - p, n - count, count + 1)


def _beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22, Lentz's method)."""
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    found, c, d = 1.0, 1.0, 0.0
    for step in range(_MOST_STEPS):
        m = step // 2
        if step == 0:
            part = 1.0
        elif step % 2 == 0:
            part = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            part = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _not_zero(1 + part * d)
        c = _not_zero(1 + part / c)
        found *= c * d
        if abs(1 - c * d) < _CLOSE:
            break
    return min(1.0, math.exp(front) * (found - 1) / a)


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _solve(rising: Callable[[float], float]) -> float:
    """Return the root in [0, 1] of a function that rises there."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p of McNemar's test for outcomes that only one of two runs had."""
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    return min(1.0, 2 * _below(min(only_first, only_second), discordant, 0.5))


def kappa(table: Mapping[tuple[bool, bool], int]) -> float | None:
    """Return Cohen's kappa of two binary ratings, None where both always say the same and it has no value."""
    n, agreed, first, second = _margins(table)
    expected = first * second + (1 - first) * (1 - second)
    return None if n == 0 or expected >= 1 else (agreed - expected) / (1 - expected)


def gwet_ac1(table: Mapping[tuple[bool, bool], int]) -> float | None:
    """Return Gwet's AC1 of two binary ratings, which skewed base rates do not push down; None without items."""
    n, agreed, first, second = _margins(table)
    rate = (first + second) / 2
    expected = 2 * rate * (1 - rate)
    return None if n == 0 else (agreed - expected) / (1 - expected)


def _margins(table: Mapping[tuple[bool, bool], int]) -> tuple[int, float, float, float]:
    """Return the number of items, and the shares: agreed, true in the first, true in the second."""
    n = sum(table.values())
    if n == 0:
        return 0, 0.0, 0.0, 0.0
    both, neither = table.get((True, True), 0), table.get((False, False), 0)
    return n, (both + neither) / n, (both + table.get((True, False), 0)) / n, (both + table.get((False, True), 0)) / n


def items_needed(discordance: float, margin: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Return how many items two one-sided tests need, if nothing differs in truth and a share `discordance` of items flips.

    n = (z(1 - alpha) + z((1 + power) / 2))^2 * discordance / margin^2, rounded up.
    """
    if not (0 <= discordance <= 1 and 0 < margin < 1):
        raise BadFormat("discordance lies between 0 and 1, a margin above 0 and below 1")
    z = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf((1 + power) / 2)
    return math.ceil(z * z * discordance / (margin * margin) - 1e-9)
