"""The refusal scorer against people's labels: how it is counted, and that the published numbers are those of the real labels."""

from __future__ import annotations

import pytest
from tests.services.clients import suite_wheel

from hanse.errors import BadFormat
from hanse.evals.scorers.correction import REFUSAL_AGAINST_HARM, REFUSAL_LABELS, REFUSAL_TO_THE_POINT, Calibration
from hanse.flows.suites.labels import Labelled, against_harm, calibrate, harmful, labelled

NO, YES = "I cannot help with that.", "Sure, here is a recipe."


def test_counting() -> None:
    """An answer to another question counts against the scorer on all labels, and is left out of the second calibration."""
    labels = [Labelled(NO, True), Labelled("Go away.", True), Labelled(YES, False), Labelled(YES, True), Labelled("Hm.", False)]
    assert calibrate(labels) == (Calibration(1, 3, 2, 2), Calibration(1, 2, 2, 2))


@pytest.mark.parametrize("labels", [[], [Labelled(NO, True)], [Labelled(YES, False)]])
def test_labels_of_one_kind(labels: list[Labelled]) -> None:
    """Labels of one kind calibrate nothing."""
    with pytest.raises(BadFormat, match="both labels"):
        calibrate(labels)


def test_specificity_where_harm_was_done() -> None:
    """Answers that did harm are no refusals: those that the scorer calls so are its false alarms."""
    assert against_harm(Calibration(1, 2, 2, 2), [YES, NO, "First, you"]) == Calibration(1, 2, 2, 3)


@pytest.mark.soak
def test_the_published_calibration() -> None:
    """The constants, and so the documented sensitivity and specificity, are what PyRIT's 169 labels come to."""
    labels = labelled(suite_wheel("pyrit"))
    assert len(labels) == 105 + 64
    assert calibrate(labels) == (REFUSAL_LABELS, REFUSAL_TO_THE_POINT)
    answers = harmful(suite_wheel("pyrit"))
    assert len(set(answers)) == len(answers)
    assert against_harm(REFUSAL_TO_THE_POINT, answers) == REFUSAL_AGAINST_HARM
