"""What an audit of claimed tokens comes to: gaps between the verifier's likeliest token and the claimed one (level V2).

An honest claim from other kernels has a mean gap near 0; answers drawn at a temperature, weights that were changed, and invented
answers do not. What is near enough stands in a versioned table, because it depends on the family of models and on quantisation: a
countersignature names the one that decided. Intervals are clustered by item, since the tokens of an answer depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hanse.errors import BadFormat
from hanse.evals.compare import Verdict
from hanse.evals.countersignature import Audit
from hanse.evals.fixed import fixed
from hanse.evals.statistics import clustered_mean, critical, wilson
from hanse.model.digest import Sha256

LEAST_ITEMS = 20
"""An audit of fewer items decides nothing, unless the run has no more."""
TWO_SIDED_95, TWO_SIDED_99 = 0.90, 0.98
"""Levels of intervals whose ends hold one-sided at 95 % and 99 %."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What is near enough. mean: greatest mean gap; token: greatest gap of one token; argmax: least share of likeliest tokens."""

    id: str
    mean: float
    token: float
    argmax: float


GAPS_1 = Thresholds("gaps-1", mean=0.03, token=2.0, argmax=0.8)
"""From honest pairs of llama.cpp and transformers on one model of 135M parameters in Q4_1.

Long answers: mean 0.004, greatest 0.45, likeliest 0.959; answers of two tokens: 0.013, 0.26, 0.929. Answers at temperature 0.7
have 0.29. Weights with 2 % noise have 0.029, which this table does not tell from honest ones; with 5 % they have 0.096.
"""
GAPS_2 = Thresholds("gaps-2", mean=0.03, token=1.5, argmax=0.85)
"""From more honest pairs on the same model: above the worst mean, 0.021, and twice the greatest gap of a token, 0.73.

Claims of llama.cpp (usual, flash attention) and PyTorch (fp32, bf16), forced on the other engine or the same one: likeliest 0.92
to 0.99. The mean cannot be tighter: short answers under flash attention alone have as much as weights with 2 % noise, 0.020
(docs/evaluations.md; measured by `tests/device/gaps.py`).
"""
GAPS_3_SAME = Thresholds("gaps-3-same", mean=0.001, token=0.1, argmax=0.99)
"""Of an auditor in the numerics class of the record, who computes each token as it was computed when it was said.

An honest claim has no gap at all there in llama.cpp; where an accelerator has a choice of kernels, sums in fp32 are rounded
otherwise, which is far less than this. So weights with 2 % noise are told from the right ones (docs/evaluations.md), which no
auditor of another class can do by the gaps of tokens.
"""
TABLES: Mapping[str, Thresholds] = {one.id: one for one in (GAPS_1, GAPS_2, GAPS_3_SAME)}


@dataclass(frozen=True, slots=True)
class Checked:
    """One item that was audited.

    gaps: of its tokens; follows: its text is what its tokens say; same_prompt: its prompt is what this model makes of the item;
    as_said: its tokens were computed as when they are generated.
    """

    item: str
    gaps: tuple[float, ...]
    follows: bool = True
    same_prompt: bool = True
    as_said: bool = False


def table_for(checked: Sequence[Checked], *, same_class: bool) -> Thresholds:
    """Return the table that decides: the strict one in one numerics class, else that of honest pairs of two classes.

    Tokens that were not computed as when they are generated have gaps in one class, too.
    """
    return GAPS_3_SAME if same_class and all(one.as_said for one in checked) else GAPS_2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an audit comes to. reasons: codes; items: those that speak against the claim."""

    verdict: Verdict
    reasons: tuple[str, ...]
    audit: Audit
    items: tuple[str, ...] = ()


def judge(checked: Sequence[Checked], planned: int, checkpoint: Sha256, thresholds: Thresholds = GAPS_2) -> Outcome:
    """Return what an audit comes to. planned: items of the run that could have been drawn.

    Raises BadFormat if nothing was checked, or a gap is none.
    """
    if not checked:
        raise BadFormat("an audit takes one item at least")
    gaps = [gap for one in checked for gap in one.gaps]
    if any(not (math.isfinite(gap) and gap >= 0) for gap in gaps):
        raise BadFormat("a gap between logits is a finite number from 0 on")
    told = _audit(checked, gaps, checkpoint, thresholds)
    if any(not one.same_prompt for one in checked):
        bad = tuple(one.item for one in checked if not one.same_prompt)
        return Outcome(Verdict.NOT_COMPARABLE, ("other-prompts",), told, bad)
    against = _against(checked, gaps, thresholds)
    if against:
        bad = tuple(one.item for one in checked if not one.follows or max(one.gaps, default=0.0) > thresholds.token)
        return Outcome(Verdict.DISAGREES, against, told, bad)
    unknown = _unknown(checked, gaps, planned, thresholds)
    return Outcome(Verdict.INCONCLUSIVE if unknown else Verdict.AGREES, unknown, told)


def _against(checked: Sequence[Checked], gaps: Sequence[float], thresholds: Thresholds) -> tuple[str, ...]:
    """Return what speaks against the claim."""
    found = []
    if any(not one.follows for one in checked):
        found.append("text-does-not-follow")
    if any(gap > thresholds.token for gap in gaps):
        found.append("token-out-of-reach")
    if gaps:
        low, _ = _bounds(checked, TWO_SIDED_99)
        likeliest = sum(gap == 0 for gap in gaps)
        if low > thresholds.mean:
            found.append("mean-gap-beyond-threshold")
        if wilson(likeliest, len(gaps), TWO_SIDED_99).high < thresholds.argmax:
            found.append("too-few-likeliest-tokens")
    return tuple(found)


def _unknown(checked: Sequence[Checked], gaps: Sequence[float], planned: int, thresholds: Thresholds) -> tuple[str, ...]:
    """Return what keeps the audit from agreeing."""
    found = []
    if any(not one.gaps for one in checked):
        found.append("tokens-not-told")
    if len(checked) < min(LEAST_ITEMS, planned):
        found.append("too-few-items")
    if gaps and _bounds(checked, TWO_SIDED_95)[1] > thresholds.mean:
        found.append("gap-not-shown-within-threshold")
    return tuple(found)


def _bounds(checked: Sequence[Checked], level: float) -> tuple[float, float]:
    """Return the interval of the mean gap, clustered by item; one item alone tells nothing of the spread."""
    values = [gap for one in checked for gap in one.gaps]
    mean = clustered_mean(values, [one.item for one in checked for _ in one.gaps])
    half = critical(level) * mean.se
    return mean.value - half, mean.value + half


def _audit(checked: Sequence[Checked], gaps: Sequence[float], checkpoint: Sha256, thresholds: Thresholds) -> Audit:
    n = len(gaps)
    mean = math.fsum(gaps) / n if n else 0.0
    p99 = sorted(gaps)[min(n - 1, math.ceil(0.99 * n) - 1)] if n else 0.0
    share = sum(gap == 0 for gap in gaps) / n if n else 0.0
    return Audit(len(checked), checkpoint, n, fixed(share), fixed(mean), fixed(p99), thresholds.id)
