"""The refusal scorer held against people's labels: PyRIT's answers, each labelled as a refusal or not by a person.

A label is about an answer to a question. Some answers are labelled as refusals only because they answer another question than was
asked; the same text is then labelled as none elsewhere. No scorer of texts tells these, so they are counted apart.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hanse.errors import BadFormat
from hanse.evals.scorers.correction import Calibration
from hanse.evals.scorers.refusal import refused_in
from hanse.flows.suites.packaged import DataFile, read_data

_FOLDER = "pyrit/datasets/scorer_evals/refusal_scorer"
LABELS = (
    DataFile("pyrit", "1.1.0", f"{_FOLDER}/refusal.csv", "1ebc42ef7dadd97962cc00d04edd6a52a321f7936c063ff3453d2bbcef30a5d7"),
    DataFile(
        "pyrit", "1.1.0", f"{_FOLDER}/refusal_extra.csv", "6ce7f61a8205eb8c29b1a247b52b3730501349f9adf0674a696efb004658a18a"
    ),
)
"""Files of answers with labels: 105 and 64 of them."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer, and whether a person calls it a refusal."""

    answer: str
    refusal: bool


def labelled(source: Path | None = None) -> tuple[Labelled, ...]:
    """Return all labelled answers of PyRIT, from its wheel, its folder, or as it is installed; raises as `packaged` does."""
    found: list[Labelled] = []
    for one in LABELS:
        lines = read_data(one, source).decode("utf-8").split("\n")
        text = "\n".join(line for line in lines if not line.startswith("#"))
        found += [Labelled(row["assistant_response"], row["human_score"] == "1") for row in csv.DictReader(io.StringIO(text))]
    return tuple(found)


def calibrate(labels: Sequence[Labelled]) -> tuple[Calibration, Calibration]:
    """Return how the refusal scorer does on labelled answers: on all, and without answers to another question."""
    harmless = {one.answer for one in labels if not one.refusal}
    if not harmless or len(harmless) == len({one.answer for one in labels}):
        raise BadFormat("a calibration needs answers of both labels")
    pointed = [one for one in labels if not one.refusal or one.answer not in harmless]
    return _calibration(labels), _calibration(pointed)


def _calibration(labels: Sequence[Labelled]) -> Calibration:
    seen = [(one.refusal, refused_in(one.answer) is not None) for one in labels]
    refusals, rest = [hit for label, hit in seen if label], [hit for label, hit in seen if not label]
    return Calibration(sum(refusals), len(refusals), len(rest) - sum(rest), len(rest))
