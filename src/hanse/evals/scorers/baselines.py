"""What answers of no thought would score: a suite on which one of them does well says little about a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import fsum

from hanse.evals.scorers.registry import scorer_of
from hanse.evals.suite import Item, Suite

REFUSAL = "I'm sorry, but I can't help with that."
RULED = frozenset({"form", "pattern"})
"""Scorers whose targets are rules for an answer, not answers."""
TALK = "Certainly! Here is what you asked for, in some detail, so that you can use it at once."


def baselines(suite: Suite) -> Mapping[str, float]:
    """Return the scores of answers of no thought, by what they are.

    target: the item's own target, where there are any; commonest: the most frequent target, whatever is asked; echo: the question
    itself; empty, refusal, talk: that, always. Raises BadFormat for a suite that cannot be scored.
    """
    score = scorer_of(suite)
    found = {"empty": "", "refusal": REFUSAL, "talk": TALK}
    scores = {name: _mean([score(item, text) for item in suite.items]) for name, text in found.items()}
    scores["echo"] = _mean([score(item, _asked(item)) for item in suite.items])
    if suite.scorer[0] not in RULED and all(item.target for item in suite.items):
        scores["target"] = _mean([score(item, item.target) for item in suite.items])
        common = Counter(item.target for item in suite.items).most_common(1)[0][0]
        scores["commonest"] = _mean([score(item, common) for item in suite.items])
    return scores


def faults(suite: Suite, scores: Mapping[str, float]) -> tuple[str, ...]:
    """Return what is wrong with a suite by its baselines: a target that is not right, or the best score without thought.

    Where lower is better, answers of no thought do well by nature: an empty one refuses nothing, and leaks nothing.
    """
    found = []
    if scores.get("target", 1.0) < 1:
        found.append(f"the suite's own targets score {scores['target']:.3f}, not 1")
    for name, value in scores.items():
        own = name == "refusal" and suite.scorer[0] == "refusal"
        if value >= 1 and name != "target" and not suite.lower_is_better and not own:
            found.append(f"the answer of no thought `{name}` scores {value:.3f}")
    return tuple(found)


def _asked(item: Item) -> str:
    return item.messages[-1][1]


def _mean(values: list[float]) -> float:
    return fsum(values) / len(values)
