"""Verdicts on claimed tokens: honest drift agrees, and what was drawn, changed or invented does not."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hanse.errors import BadFormat
from hanse.evals.audit import GAPS_1, GAPS_2, GAPS_3_SAME, TABLES, Checked, judge, table_for
from hanse.evals.compare import Verdict
from hanse.model.digest import Sha256

CHECKPOINT = Sha256("c" * 64)


def claimed(mean: float, likeliest: float, *, items: int = 60, tokens: int = 8, seed: int = 1) -> list[Checked]:
    """Return items whose tokens are the likeliest in a share, with exponential gaps elsewhere, so that the mean is as told."""
    rng = random.Random(seed)
    scale = mean / (1 - likeliest) if likeliest < 1 else 0.0
    return [
        Checked(
            f"i-{at}",
            tuple(0.0 if rng.random() < likeliest else min(1.4, rng.expovariate(1 / scale)) for _ in range(tokens)),
        )
        for at in range(items)
    ]


@pytest.mark.parametrize(
    ("mean", "likeliest", "verdict"),
    [
        (0.0, 1.0, Verdict.AGREES),
        (0.004, 0.959, Verdict.AGREES),
        (0.0065, 0.962, Verdict.AGREES),
        (0.029, 0.902, Verdict.INCONCLUSIVE),
        (0.096, 0.832, Verdict.DISAGREES),
        (0.292, 0.709, Verdict.DISAGREES),
    ],
)
def test_figures_that_were_measured(mean: float, likeliest: float, verdict: Verdict) -> None:
    """The same engine and another honest one agree; 5 % noise in the weights and temperature 0.7 do not."""
    found = judge(claimed(mean, likeliest), 400, CHECKPOINT)
    assert found.verdict is verdict
    assert (found.audit.k, found.audit.tokens, found.audit.threshold) == (60, 480, "gaps-2")


def test_error_rates() -> None:
    """Of 200 honest audits of 60 items at most one in twenty disagrees, of 200 at the threshold at most one in ten agrees."""
    honest = [judge(claimed(0.004, 0.959, seed=seed), 400, CHECKPOINT).verdict for seed in range(200)]
    limit = [judge(claimed(0.03, 0.902, seed=seed), 400, CHECKPOINT).verdict for seed in range(200)]
    assert honest.count(Verdict.DISAGREES) <= 10
    assert honest.count(Verdict.AGREES) >= 190
    assert limit.count(Verdict.AGREES) <= 20


def test_the_strict_table() -> None:
    """It decides where auditor and record are of one class and every token was computed as it was said, nowhere else."""
    same = [replace(one, as_said=True) for one in claimed(0.0, 1.0)]
    assert table_for(same, same_class=True) is GAPS_3_SAME
    assert table_for(same, same_class=False) is GAPS_2
    assert table_for([*same, Checked("read", (0.0,))], same_class=True) is GAPS_2


@pytest.mark.parametrize(
    ("mean", "likeliest", "verdict"),
    [
        (0.0, 1.0, Verdict.AGREES),
        (0.00001, 0.999, Verdict.AGREES),
        (0.0065, 0.962, Verdict.DISAGREES),
        (0.02, 0.94, Verdict.DISAGREES),
    ],
)
def test_figures_of_one_class(mean: float, likeliest: float, verdict: Verdict) -> None:
    """Rounding agrees; what 2 % of noise in the weights does, and even what another engine does, is not of this class."""
    assert judge(claimed(mean, likeliest), 400, CHECKPOINT, GAPS_3_SAME).verdict is verdict


def test_one_invented_answer() -> None:
    """One answer that the model would never give is enough, and is named."""
    found = judge([*claimed(0.004, 0.959), Checked("invented", (0.0, 9.5, 1.0))], 400, CHECKPOINT)
    assert (found.verdict, found.items) == (Verdict.DISAGREES, ("invented",))
    assert found.reasons[0] == "token-out-of-reach"


def test_a_text_beside_its_tokens() -> None:
    """Honest tokens do not carry another text."""
    found = judge([*claimed(0.0, 1.0), Checked("swapped", (0.0,), follows=False)], 400, CHECKPOINT)
    assert (found.verdict, found.reasons, found.items) == (Verdict.DISAGREES, ("text-does-not-follow",), ("swapped",))


def test_another_template() -> None:
    """A prompt that this model does not make of the item is not comparable, which is no disagreement."""
    found = judge([*claimed(0.0, 1.0), Checked("other", (5.0,), same_prompt=False)], 400, CHECKPOINT)
    assert (found.verdict, found.reasons) == (Verdict.NOT_COMPARABLE, ("other-prompts",))


def test_what_decides_nothing() -> None:
    """Untold tokens or few items are never rounded to agreement; a small run whose every item was checked is enough."""
    assert judge([*claimed(0.0, 1.0), Checked("silent", ())], 400, CHECKPOINT).reasons == ("tokens-not-told",)
    assert judge(claimed(0.0, 1.0, items=5), 400, CHECKPOINT).reasons == ("too-few-items",)
    assert judge(claimed(0.0, 1.0, items=5), 5, CHECKPOINT).verdict is Verdict.AGREES


def test_tables_stay() -> None:
    """A countersignature of before names its table, which still says what it said."""
    assert TABLES == {"gaps-1": GAPS_1, "gaps-2": GAPS_2, "gaps-3-same": GAPS_3_SAME}
    assert judge(claimed(0.013, 0.929), 400, CHECKPOINT, GAPS_1).verdict is Verdict.AGREES


@pytest.mark.parametrize("gap", [float("nan"), float("inf"), -0.1])
def test_gaps_that_are_none(gap: float) -> None:
    """An engine's nonsense is refused, not averaged."""
    with pytest.raises(BadFormat):
        judge([Checked("x", (gap,))], 1, CHECKPOINT)
    with pytest.raises(BadFormat):
        judge([], 1, CHECKPOINT)
