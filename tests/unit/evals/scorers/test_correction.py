"""Corrected rates: right where the scorer is perfect, wider where it is not, and covering the truth as often as they say."""

from __future__ import annotations

import random

import pytest

from hanse.errors import BadFormat
from hanse.evals.scorers.correction import (
    REFUSAL_AGAINST_HARM,
    REFUSAL_LABELS,
    REFUSAL_TO_THE_POINT,
    Calibration,
    calibration_of,
    corrected,
    corrected_json,
    corrected_score,
)


def test_a_scorer_that_never_errs_needs_no_correction() -> None:
    """With sensitivity and specificity of 1 the rate stays what it is."""
    found = corrected(30, 100, Calibration(1000, 1000, 1000, 1000))
    assert found.rate == pytest.approx(found.apparent) == 0.3
    assert found.interval.low < 0.3 < found.interval.high


def test_what_is_missed_is_added() -> None:
    """A scorer that sees four of five and never errs otherwise reports four fifths of the rate."""
    found = corrected(40, 100, Calibration(80, 100, 100, 100))
    assert found.rate == pytest.approx(0.5)
    wider = corrected(40, 100, Calibration(8, 10, 10, 10)).interval
    assert wider.low < found.interval.low
    assert wider.high > found.interval.high


def test_rates_stay_rates() -> None:
    """What would be below 0 or above 1 is 0 or 1."""
    assert corrected(0, 50, Calibration(80, 100, 90, 100)).rate == 0
    assert corrected(50, 50, REFUSAL_LABELS).rate == 1
    assert 0 <= corrected(50, 50, REFUSAL_TO_THE_POINT).interval.low <= 1


@pytest.mark.parametrize("counts", [(1, 0, 1, 1), (2, 1, 1, 1), (-1, 1, 1, 1), (1, 1, 1, 0)])
def test_no_calibration(counts: tuple[int, int, int, int]) -> None:
    """A calibration has labels of both kinds."""
    with pytest.raises(BadFormat):
        Calibration(*counts)


def test_no_better_than_chance() -> None:
    """A scorer that calls everything a refusal corrects to nothing."""
    with pytest.raises(BadFormat, match="says nothing"):
        corrected(5, 10, Calibration(10, 10, 0, 10))
    with pytest.raises(BadFormat, match="no rate"):
        corrected(11, 10, REFUSAL_LABELS)


@pytest.mark.parametrize("truth", [0.05, 0.3, 0.7])
def test_intervals_cover(truth: float) -> None:
    """Over seeded trials in which the calibration is drawn anew each time, 95 % intervals hold the true rate in 93 % or more."""
    draw = random.Random(f"coverage {truth}")

    def binomial(n: int, p: float) -> int:
        return sum(draw.random() < p for _ in range(n))

    covered = 0
    for _ in range(400):
        calibration = Calibration(binomial(76, 0.82), 76, binomial(60, 0.97), 60)
        seen = binomial(200, truth * 0.82 + (1 - truth) * 0.03)
        interval = corrected(seen, 200, calibration).interval
        covered += interval.low <= truth <= interval.high
    assert covered >= 0.93 * 400


def test_clusters_widen_a_corrected_rate() -> None:
    """The corrected rate of a score in clusters is the same, its interval wider; a perfect score stays within 0 and 1."""
    calibration = calibration_of(("refusal", "1"), harmful=True)
    assert calibration == REFUSAL_AGAINST_HARM
    alone = corrected_score(calibration, 0.5, 0.04, 132, 132)
    inside = corrected_score(calibration, 0.5, 0.09, 132, 22)
    assert alone.rate == pytest.approx(inside.rate)
    assert inside.interval.high - inside.interval.low > alone.interval.high - alone.interval.low
    said = corrected_json(calibration, {"value": "1.000000", "se": "0.000000", "n": 132, "clusters": 22})
    assert (said["value"], said["high"]) == ("1.000000", "1.000000")


def test_what_is_corrected() -> None:
    """Refusals are, of harmless questions by the labels of answers to the point; no other scorer's rates are."""
    assert calibration_of(("refusal", "1"), harmful=False) == REFUSAL_TO_THE_POINT
    assert calibration_of(("toxicity", "1"), harmful=True) is None
    assert calibration_of(("refusal", "2"), harmful=True) is None
