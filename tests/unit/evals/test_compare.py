"""Comparing two runs: each verdict, and the error rates that are promised."""

from __future__ import annotations

import random

import pytest

from hanse.errors import BadFormat
from hanse.evals.compare import ItemResult, Terms, Verdict, degenerate, judge, null_error, pair


def runs(n: int, lost: int, won: int, *, cluster: int = 1) -> tuple[dict[str, ItemResult], dict[str, ItemResult]]:
    """Return two runs of n items, half of them successes, of which the second loses and wins some."""
    first = {f"i{at:05}": ItemResult(f"c{at // cluster}", float(at % 2), f"o{at % 2}") for at in range(n)}
    second = dict(first)
    for at in [at for at in range(n) if at % 2][:lost]:
        second[f"i{at:05}"] = ItemResult(f"c{at // cluster}", 0.0, "o0")
    for at in [at for at in range(n) if not at % 2][:won]:
        second[f"i{at:05}"] = ItemResult(f"c{at // cluster}", 1.0, "o1")
    return first, second


@pytest.mark.parametrize(
    ("n", "lost", "won", "delta", "verdict"),
    [
        (400, 0, 0, 0.03, Verdict.AGREES),
        (400, 4, 4, 0.03, Verdict.AGREES),
        (400, 8, 0, 0.03, Verdict.INCONCLUSIVE),
        (400, 36, 4, 0.03, Verdict.DISAGREES),
        (400, 0, 60, 0.03, Verdict.DISAGREES),
        (400, 40, 40, 0.03, Verdict.DISAGREES),
        (100, 0, 0, 0.05, Verdict.AGREES),
        (20, 0, 0, 0.05, Verdict.INCONCLUSIVE),
    ],
)
def test_verdicts(n: int, lost: int, won: int, delta: float, verdict: Verdict) -> None:
    """Equal runs agree if there are enough items; a clear difference, and many that cancel out, disagree; between is neither."""
    terms = Terms(delta, 0.9, n)
    assert judge(pair(*runs(n, lost, won), terms), terms)[0] is verdict


def test_what_is_told() -> None:
    """A pairing says who lost what, how many agree, and how exact the outputs are."""
    found = pair(*runs(400, 6, 2), Terms(0.03, 0.9, 400))
    assert found is not None
    assert (found.n, found.discordant, found.difference, found.exact) == (400, (6, 2), -0.01, 0.98)
    assert found.ci90.low < -0.01 < found.ci90.high
    assert found.ci99.low < found.ci90.low
    assert found.p == pytest.approx(0.289, abs=1e-3)


def test_clusters_widen() -> None:
    """Losses that fall into one cluster say less than as many in clusters of their own."""
    alone, together = (pair(*runs(400, 10, 0, cluster=size), Terms(0.03, 0.9, 400)) for size in (1, 20))
    assert alone is not None
    assert together is not None
    assert together.ci90.high - together.ci90.low > 1.5 * (alone.ci90.high - alone.ci90.low)


def test_failed_items() -> None:
    """More than one in a hundred without an outcome is inconclusive, all of them too; the reasons are told."""
    first, second = runs(400, 0, 0)
    terms = Terms(0.03, 0.9, 400)
    for count, verdict in ((4, Verdict.AGREES), (5, Verdict.INCONCLUSIVE), (400, Verdict.INCONCLUSIVE)):
        broken = second | {key: ItemResult(second[key].cluster, None) for key in list(second)[:count]}
        found = judge(pair(first, broken, terms), terms)
        assert found[0] is verdict
        assert bool(found[1]) == (verdict is Verdict.INCONCLUSIVE)


def test_other_items_are_no_pair() -> None:
    """Runs of other items, other clusters or impossible outcomes are refused."""
    first, second = runs(200, 0, 0)
    terms = Terms(0.05, 0.9, 200)
    (key, *_), bad = list(second), []
    bad.append({name: one for name, one in second.items() if name != key})
    bad.append(second | {key: ItemResult("elsewhere", 1.0)})
    bad.append(second | {key: ItemResult(second[key].cluster, 1.5)})
    for other in bad:
        with pytest.raises(BadFormat):
            pair(first, other, terms)


@pytest.mark.parametrize(
    ("delta", "least", "items"), [(0.03, 0.9, 199), (0, 0.9, 500), (0.6, 0.9, 500), (0.05, 0, 500), (0.05, 1.1, 500)]
)
def test_terms_that_cannot_be(delta: float, least: float, items: int) -> None:
    """A margin that so few items cannot carry, and numbers out of bounds, are refused when the suite is made."""
    with pytest.raises(BadFormat):
        Terms(delta, least, items)


def test_error_under_the_margin() -> None:
    """The likeliest losses under a true difference of the margin solve the score equation; without any discordance none are."""
    assert null_error(0, 0, 400, 0.03) == pytest.approx((0.03 * 0.97 / 400) ** 0.5)
    n, gains, losses, margin = 400, 20.0, 4.0, 0.03
    share = (null_error(gains, losses, n, margin) ** 2 * n - margin * (1 - margin)) / 2
    score = gains / (share + margin) + losses / share - 2 * (n - gains - losses) / (1 - 2 * share - margin)
    assert score == pytest.approx(0, abs=1e-6)


def test_degenerate() -> None:
    """A score within one item of 0 or 1 says nothing by agreement."""
    assert degenerate(0.0, 100)
    assert degenerate(0.99, 100)
    assert not degenerate(0.02, 100)


def rates(n: int, delta: float, lost: float, won: float, trials: int, seed: int) -> dict[Verdict, float]:
    """Return how often each verdict comes out, with these probabilities for an item to be lost or won."""
    chance, terms, found = random.Random(seed), Terms(delta, 0.9, n), dict.fromkeys(Verdict, 0.0)
    for _ in range(trials):
        first, second = {}, {}
        for at in range(n):
            drawn = chance.random()
            before, after = (1.0, 0.0) if drawn < lost else (0.0, 1.0) if drawn < lost + won else (1.0, 1.0)
            first[str(at)], second[str(at)] = ItemResult(str(at), before), ItemResult(str(at), after)
        found[judge(pair(first, second, terms), terms)[0]] += 1 / trials
    return found


SIZES = [(100, 0.05), (200, 0.05), (200, 0.03), (400, 0.03), (1000, 0.03), (1000, 0.01), (2000, 0.01)]
NOISE = [0.0, 0.01, 0.02, 0.05]


@pytest.mark.parametrize(("n", "delta"), SIZES[:3])
def test_promised_errors_in_brief(n: int, delta: float) -> None:
    """A difference of the margin seldom agrees, and none seldom disagrees: a slice of the simulation."""
    for noise in (0.0, 0.02):
        assert rates(n, delta, delta + noise / 2, noise / 2, 60, 1)[Verdict.AGREES] <= 0.15
        assert rates(n, delta, noise / 2, noise / 2, 60, 2)[Verdict.DISAGREES] <= 0.1


@pytest.mark.long
@pytest.mark.parametrize(("n", "delta"), SIZES)
@pytest.mark.parametrize("noise", NOISE)
def test_promised_errors(n: int, delta: float, noise: float) -> None:
    """At a true difference of the margin at most 5 % agree, at none at most 5 % disagree, over 3,000 trials of each size."""
    allowed = 0.05 + 2 * (0.05 * 0.95 / 3000) ** 0.5
    assert rates(n, delta, delta + noise / 2, noise / 2, 3000, n)[Verdict.AGREES] <= allowed
    assert rates(n, delta, noise / 2, noise / 2, 3000, n + 1)[Verdict.DISAGREES] <= allowed
