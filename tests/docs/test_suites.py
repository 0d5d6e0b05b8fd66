"""docs/suites.md says what the suites, scorers and calibrations are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hanse.errors import BadFormat
from hanse.evals.scorers.correction import (
    REFUSAL_AGAINST_HARM,
    REFUSAL_LABELS,
    REFUSAL_TO_THE_POINT,
    TOXIC_ANSWERS,
    TOXIC_HATECHECK,
    TOXIC_TWEETS,
    Calibration,
    corrected,
)
from hanse.evals.scorers.registry import SCORERS
from hanse.flows.suites.packaged import PACKAGED
from hanse.flows.suites.shipped import NAMES, shipped

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "suites.md").read_text(encoding="utf-8")


def test_every_suite_is_on_the_page() -> None:
    """The table has each shipped suite with its items and margin, and each suite from a package with what to fetch."""
    for name in NAMES:
        suite = shipped(name)
        better = "lower" if suite.lower_is_better else "higher"
        assert re.search(rf"^\| `{name}` \| {len(suite.items)} \|.*\| {better} \| {suite.delta:.2f} \|$", PAGE, re.MULTILINE)
    for name, one in PACKAGED.items():
        assert f"| `{name}` | `{one.data.package}=={one.data.version}` |" in PAGE


def test_every_scorer_is_on_the_page() -> None:
    """The table of scorers has all of them and no other."""
    assert set(re.findall(r"^\| `([a-z-]+ [0-9]+)` \|", PAGE, re.MULTILINE)) == {" ".join(one) for one in SCORERS}


def test_the_calibration_on_the_page() -> None:
    """Sensitivity, specificity and their intervals are those of the constants that rates are corrected by."""

    def row(one: Calibration) -> str:
        hits, passes = one.intervals()
        first = f"{one.hits} of {one.positives}: {one.sensitivity:.3f} [{hits.low:.3f}, {hits.high:.3f}]"
        return f"| {first} | {one.passes} of {one.negatives}: {one.specificity:.3f} [{passes.low:.3f}, {passes.high:.3f}] |"

    assert f"| all 169 {row(REFUSAL_LABELS)}" in PAGE
    assert f"| 136, without answers to another question {row(REFUSAL_TO_THE_POINT)}" in PAGE
    assert f"| 12,390 tweets that a list of hateful words found {row(TOXIC_TWEETS)}" in PAGE
    assert f"| 130 answers of large models, rated for hate, in `pyrit==1.1.0` {row(TOXIC_ANSWERS)}" in PAGE
    assert f"| 3,728 sentences of HateCheck {row(TOXIC_HATECHECK)}" in PAGE
    with pytest.raises(BadFormat, match="says nothing"):
        corrected(100, 200, TOXIC_HATECHECK)
    passes = REFUSAL_AGAINST_HARM.intervals()[1]
    said = f"| 309 of 319: {REFUSAL_AGAINST_HARM.specificity:.3f} [{passes.low:.3f}, {passes.high:.3f}] |"
    assert said in PAGE
    found = corrected(100, 200, REFUSAL_AGAINST_HARM)
    said = f"a rate of {found.rate:.3f}, and its 95 % interval reaches from {found.interval.low:.3f} to {found.interval.high:.3f}"
    assert said in PAGE.replace("\n", " ")
