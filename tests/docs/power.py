"""How often a comparison of two runs errs, and how often it decides: seeded trials for each size of suite, as a table.

`python -m tests.docs.power` writes the table into docs/evaluations.md; tests/docs/test_power.py makes a few trials again.

Items are independent in a trial, or come in clusters whose items all go the same way. An item is lost with one probability and
won with another, so the numbers of lost and won items are all that a verdict depends on: they are drawn, and each pair is judged
once, by the code that judges real runs.
"""

from __future__ import annotations

import random
import re
from bisect import bisect
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import exp, lgamma, log, log1p
from pathlib import Path

from hanse.evals.compare import ItemResult, Terms, Verdict, judge, pair

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluations.md"
BEGIN, END = "<!-- table: power -->\n", "<!-- end -->"
TRIALS = 1_000
LEAST_AGREEMENT = 0.8
HEAD = (
    "items",
    "margin",
    "noise",
    "AGREES at the margin (error)",
    "DISAGREES at none (error)",
    "AGREES at none",
    "DISAGREES at 2 margins",
    "DISAGREES at 3 margins",
)


@dataclass(frozen=True)
class Suite:
    """A size of suite. delta: margin; noise: share of items that come out otherwise without a cause; cluster: items of each."""

    items: int
    delta: float
    noise: float
    cluster: int = 1


SUITES = (
    *(Suite(n, delta, noise) for n, delta in ((100, 0.05), (200, 0.05), (200, 0.03), (400, 0.03)) for noise in (0, 0.02, 0.05)),
    *(Suite(n, delta, noise) for n, delta in ((1000, 0.03), (1000, 0.01)) for noise in (0, 0.02)),
    *(Suite(n, delta, 0.02, 5) for n, delta in ((400, 0.05), (1000, 0.03))),
)
COLUMNS = ((1, Verdict.AGREES), (0, Verdict.DISAGREES), (0, Verdict.AGREES), (2, Verdict.DISAGREES), (3, Verdict.DISAGREES))
"""What is counted: true difference in margins, and verdict. The first two are errors."""


@cache
def _items(suite: Suite) -> list[tuple[str, ItemResult, ItemResult]]:
    """Return each item's name with it as a failure and as a success."""
    groups = [str(at // suite.cluster) for at in range(suite.items)]
    return [(f"{at:05}", ItemResult(group, 0.0), ItemResult(group, 1.0)) for at, group in enumerate(groups)]


@cache
def verdict(suite: Suite, lost: int, won: int) -> Verdict:
    """Return the verdict on two runs of which the second lost and won so many clusters."""
    terms = Terms(suite.delta, LEAST_AGREEMENT, suite.items)
    first, second = {}, {}
    for at, (name, bad, good) in enumerate(_items(suite)):
        group = at // suite.cluster
        first[name], second[name] = (good, bad) if group < lost else (bad, good) if group < lost + won else (good, good)
    return judge(pair(first, second, terms), terms)[0]


@cache
def _binomial(n: int, p: float) -> list[float]:
    """Return the cumulative distribution of how often something with probability p happens in n trials."""
    if not 0 < p < 1:
        return [1.0] if p <= 0 else [*[0.0] * n, 1.0]
    ways = (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p) for k in range(n + 1))
    return list(accumulate(map(exp, ways)))


def rates(suite: Suite, margins: int, trials: int, seed: int) -> dict[Verdict, float]:
    """Return how often each verdict comes out at a true difference of so many margins."""
    chance, groups = random.Random(seed), suite.items // suite.cluster
    won, lost = suite.noise / 2, suite.noise / 2 + margins * suite.delta
    found: Counter[Verdict] = Counter()
    for _ in range(trials):
        losses = min(bisect(_binomial(groups, lost), chance.random()), groups)
        left = groups - losses
        wins = min(bisect(_binomial(left, won / (1 - lost)), chance.random()), left)
        found[verdict(suite, losses, wins)] += 1
    return {one: found[one] / trials for one in Verdict}


def row(suite: Suite, trials: int = TRIALS) -> list[float]:
    """Return what the table says of a suite."""
    at = {margins: rates(suite, margins, trials, 1000 * suite.items + margins) for margins in {one for one, _ in COLUMNS}}
    return [at[margins][one] for margins, one in COLUMNS]


def cells(suite: Suite, found: list[float]) -> str:
    """Return a line of the table."""
    size = f"{suite.items:,}" + (f", in clusters of {suite.cluster}" if suite.cluster > 1 else "")
    return f"| {size} | {suite.delta:.2f} | {suite.noise:.0%} | " + " | ".join(f"{100 * one:.1f} %" for one in found) + " |\n"


def table() -> str:
    """Return the table."""
    lines = [f"| {' | '.join(HEAD)} |\n", f"|{'---|' * len(HEAD)}\n"]
    return "".join([*lines, *(cells(suite, row(suite)) for suite in SUITES)])


def shown() -> list[list[float]]:
    """Return the rates that the page has, as shares."""
    body = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return [[float(one) / 100 for one in re.findall(r"([0-9.]+) % \|", line)][-len(COLUMNS) :] for line in body.splitlines()[2:]]


def main() -> None:
    """Write the table into its page."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(head + BEGIN + table() + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
