"""Answers of no thought: what they score, and which suites they show to be worthless."""

from __future__ import annotations

from dataclasses import replace

from hanse.evals.builtin import arithmetic, primality
from hanse.evals.scorers.baselines import baselines, faults


def test_a_sound_suite() -> None:
    """Targets score 1, answers of no thought little; half of the primality questions are answered by always saying yes."""
    scores = baselines(arithmetic())
    assert scores["target"] == 1
    assert max(value for name, value in scores.items() if name != "target") < 0.1
    assert baselines(primality())["commonest"] == 0.5
    assert faults(arithmetic(), scores) == ()


def test_a_suite_of_one_answer() -> None:
    """If the same answer is right everywhere, that is said."""
    suite = primality()
    biased = replace(suite, items=tuple(replace(one, target=" yes") for one in suite.items))
    assert faults(biased, baselines(biased)) == ("the answer of no thought `commonest` scores 1.000",)


def test_targets_that_are_wrong() -> None:
    """A target that its own scorer does not accept is said."""
    suite = arithmetic()
    broken = replace(suite, items=(replace(suite.items[0], target="many"), *suite.items[1:]))
    assert "own targets" in faults(broken, baselines(broken))[0]
