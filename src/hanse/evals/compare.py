"""When two results of one suite agree: a paired test with a margin that the suite's author signed before any run.

AGREES: two one-sided tests at 5 % place the mean difference inside the margin, and so many items agree as the suite asks for.
DISAGREES: the 99 % interval lies wholly outside the margin, or provably too few items agree. INCONCLUSIVE: neither. It is never
rounded to either side; more items or epochs decide it.

Where few items differ, the spread that is seen says little: no difference in 200 items is no proof of a margin of one point. So
the error is never taken smaller than the one that the data would have if the true difference were the margin itself, as in the
score interval of Tango (Statistics in Medicine 17, 1998), and half an item is added for continuity. Simulation holds both error
rates to 5 % (docs/evaluations.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from hanse.errors import BadFormat
from hanse.evals.statistics import (
    Interval,
    clustered_mean,
    critical,
    design_effect,
    gwet_ac1,
    kappa,
    mcnemar,
    rate_interval,
    wilson,
)

SMALL_SUITE = 200
SMALL_MARGIN = 0.05
"""Suites of fewer items may claim no smaller margin."""
COVERAGE = 0.99
"""Share of the items that both runs must have brought to an end."""


class Verdict(str, Enum):
    """What a comparison comes to. not-comparable: other prompts, suite or model; invalid: one of the two is broken."""

    AGREES = "AGREES"
    DISAGREES = "DISAGREES"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_COMPARABLE = "NOT_COMPARABLE"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a suite signed about comparing. delta: margin of the mean difference; agreement_min: least share of equal items.

    Raises BadFormat on construction for a margin that the number of items cannot carry.
    """

    delta: float
    agreement_min: float
    items: int

    def __post_init__(self) -> None:
        if not 0 < self.delta <= 0.5 or not 0 < self.agreement_min <= 1 or self.items < 1:
            raise BadFormat("a suite has items, a margin above 0 and at most 0.5, and a least agreement above 0 and at most 1")
        if self.items < SMALL_SUITE and self.delta < SMALL_MARGIN:
            raise BadFormat(f"a suite of {self.items} items can claim a margin of {SMALL_MARGIN} at least, not {self.delta}")


@dataclass(frozen=True, slots=True)
class ItemResult:
    """An item of one run. outcome: mean over its epochs, 0 to 1, None if it did not end; output: digest of what came."""

    cluster: str
    outcome: float | None
    output: str = ""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two runs side by side, item by item.

    planned: items of the suite; n: items that both ended; exact: share with equal outputs, None where outputs are not known;
    agreement: share of items with equal outcomes; discordant: items that only the first, and only the second has as successes;
    difference: second minus first.
    """

    planned: int
    n: int
    clusters: int
    exact: float | None
    agreement: float
    agreement_interval: Interval
    discordant: tuple[int, int]
    difference: float
    ci90: Interval
    ci99: Interval
    p: float
    kappa: float | None
    ac1: float | None


def pair(first: Mapping[str, ItemResult], second: Mapping[str, ItemResult], terms: Terms) -> Pairing | None:
    """Return two runs item by item, None if no item came to an end in both.

    Raises BadFormat if the runs are not about the same items in the same clusters, or an outcome is no share.
    """
    if first.keys() != second.keys() or len(first) != terms.items:
        raise BadFormat(f"both runs have the {terms.items} items of the suite, got {len(first)} and {len(second)}")
    if any(first[key].cluster != second[key].cluster for key in first):
        raise BadFormat("an item belongs to one cluster, in both runs")
    keys = sorted(key for key in first if first[key].outcome is not None and second[key].outcome is not None)
    if not keys:
        return None
    return _paired([(first[key], second[key]) for key in keys], terms)


def _paired(rows: Sequence[tuple[ItemResult, ItemResult]], terms: Terms) -> Pairing:
    before = [_share(one.outcome) for one, _ in rows]
    after = [_share(other.outcome) for _, other in rows]
    clusters = [one.cluster for one, _ in rows]
    equal = [float(a == b) for a, b in zip(before, after, strict=True)]
    differences = [b - a for a, b in zip(before, after, strict=True)]
    mean = clustered_mean(differences, clusters)
    table = {(x, y): 0 for x in (True, False) for y in (True, False)}
    for a, b in zip(before, after, strict=True):
        table[a > 0.5, b > 0.5] += 1
    exact = None
    if all(one.output and other.output for one, other in rows):
        exact = sum(one.output == other.output for one, other in rows) / len(rows)
    only_first, only_second = table[True, False], table[False, True]
    return Pairing(
        planned=terms.items,
        n=len(rows),
        clusters=mean.clusters,
        exact=exact,
        agreement=math.fsum(equal) / len(equal),
        agreement_interval=_agreement(equal, clusters),
        discordant=(only_first, only_second),
        difference=mean.value,
        ci90=difference_interval(differences, clusters, terms.delta, 0.90),
        ci99=difference_interval(differences, clusters, terms.delta, 0.99),
        p=mcnemar(only_first, only_second),
        kappa=kappa(table),
        ac1=gwet_ac1(table),
    )


def _share(value: float | None) -> float:
    if value is None or not 0 <= value <= 1:
        raise BadFormat(f"an outcome lies between 0 and 1, got {value}")
    return value


def difference_interval(differences: Sequence[float], clusters: Sequence[str], margin: float, level: float) -> Interval:
    """Return the interval of a mean difference that a margin is held against: by the larger of the two errors named above.

    The second one is multiplied by the design effect, which is the clustered variance over that of independent items.
    """
    mean = clustered_mean(differences, clusters)
    alone = clustered_mean(differences, [str(at) for at in range(mean.n)]).se
    effect = 1.0
    if 0 < alone < math.inf and math.isfinite(mean.se):
        effect = min(max(1.0, (mean.se / alone) ** 2), mean.n / mean.clusters)
    gains = math.fsum(one for one in differences if one > 0)
    losses = -math.fsum(one for one in differences if one < 0)
    least = max(null_error(gains, losses, mean.n, margin), null_error(losses, gains, mean.n, margin)) * math.sqrt(effect)
    half = critical(level) * max(mean.se, least) + 1 / (2 * mean.n)
    return Interval(max(-1.0, mean.value - half), min(1.0, mean.value + half), level)


def null_error(gains: float, losses: float, n: int, margin: float) -> float:
    """Return the standard error of a mean difference if it were `margin` in truth, with losses as the data make them likeliest.

    gains, losses: sums of differences above and below 0. The likeliest share of losses is the root of Tango's quadratic.
    """
    b = -gains - losses + (2 * n - gains + losses) * margin
    c = -losses * margin * (1 - margin)
    share = (math.sqrt(b * b - 8 * n * c) - b) / (4 * n)
    return math.sqrt(max(0.0, 2 * share + margin * (1 - margin)) / n)


def _agreement(equal: Sequence[float], clusters: Sequence[str]) -> Interval:
    """Return the 90 % interval of the share of items that agree: one-sided, each bound holds at 95 %."""
    mean = clustered_mean(equal, clusters)
    if mean.clusters == mean.n:
        return rate_interval(equal, clusters, 0.90)
    effective = mean.n / design_effect(mean)
    return wilson(min(effective, mean.value * effective), effective, 0.90)


def judge(pairing: Pairing | None, terms: Terms) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on two comparable runs, and the reasons as codes that a record carries."""
    if pairing is None:
        return Verdict.INCONCLUSIVE, ("nothing-in-common",)
    reasons = []
    if pairing.ci99.beyond(terms.delta):
        reasons.append("difference-beyond-margin")
    if pairing.agreement_interval.high < terms.agreement_min:
        reasons.append("too-few-items-agree")
    if reasons:
        return Verdict.DISAGREES, tuple(reasons)
    if pairing.n < COVERAGE * pairing.planned:
        reasons.append("too-many-items-failed")
    if not pairing.ci90.within(terms.delta):
        reasons.append("difference-not-shown-within-margin")
    if pairing.agreement_interval.low < terms.agreement_min:
        reasons.append("agreement-not-shown")
    return (Verdict.INCONCLUSIVE, tuple(reasons)) if reasons else (Verdict.AGREES, ())


def degenerate(rate: float, items: int) -> bool:
    """Tell whether a score lies within one item of 0 or 1, where agreement alone says nothing about either run."""
    return rate <= 1 / items or rate >= 1 - 1 / items
