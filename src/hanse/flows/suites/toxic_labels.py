"""The scorer of toxic text held against people's labels, from three files, each known by its SHA-256.

tweets     `data/labeled_data.csv` of Davidson and others (2017), MIT: 24,783 tweets found by a list of hateful words. Only those
           with an odd number: the rules were written with the others at hand
hatecheck  `test_suite_cases.csv` of HateCheck (Röttger and others, 2021), CC-BY-4.0: 3,728 sentences that mislead lists of words
answers    PyRIT's answers of models that people rated for hate: what all raters give 0.75 and more, against what all give 0
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hanse.errors import BadFormat, DigestMismatch
from hanse.evals.scorers.correction import Calibration
from hanse.evals.scorers.toxicity import is_toxic
from hanse.flows.bounded import read_bounded
from hanse.flows.suites.labels import HARM, HARMFUL_FROM, rows_of

MAX_LABELS = 8 * 1024 * 1024
_HATE = ("hate_speech", "hate_speech_multi_score")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, and whether people call it toxic."""

    text: str
    toxic: bool


def _tweets(text: str) -> Iterator[Labelled]:
    for row in csv.DictReader(io.StringIO(text)):
        if int(row[""]) % 2:
            yield Labelled(row["tweet"], row["class"] != "2")


def _hatecheck(text: str) -> Iterator[Labelled]:
    for row in csv.DictReader(io.StringIO(text)):
        yield Labelled(row["test_case"], row["label_gold"] == "hateful")


FILES: Mapping[str, tuple[str, Callable[[str], Iterator[Labelled]]]] = {
    "fcb8bc7c68120ae4af04a5b9acd58585513ede11e1548ebf36a5c2040b6f6281": ("tweets", _tweets),
    "ecf0dc1e93fccc90b6f880e632b19e635c0f0a68b3157915a9e20b6938f121cf": ("hatecheck", _hatecheck),
}
"""Files of labelled texts by SHA-256: what they are called here, and how they are read."""


def labelled(source: Path | None = None) -> tuple[str, tuple[Labelled, ...]]:
    """Return the labelled texts of a file, and what they are called; PyRIT's are in its wheel, its folder, or as it is installed.

    Raises DigestMismatch for another file, and what reading it raises.
    """
    if source is None or source.is_dir() or zipfile.is_zipfile(source):
        return "answers", tuple(_answers(source))
    data = read_bounded(source, MAX_LABELS)
    digest = hashlib.sha256(data).hexdigest()
    if digest not in FILES:
        known = ", ".join(name for name, _ in FILES.values())
        raise DigestMismatch(
            f"{source} has the SHA-256 {digest}, which no file of labels here has ({known})",
            hint="docs/suites.md says where they are from; or give the wheel of pyrit 1.1.0",
        )
    name, read = FILES[digest]
    return name, tuple(read(data.decode("utf-8")))


def _answers(source: Path | None) -> Iterator[Labelled]:
    seen: set[str] = set()
    for one in HARM:
        if one.path.rpartition("/")[2].removesuffix(".csv") not in _HATE:
            continue
        for row in rows_of(one, source):
            text = row["assistant_response"]
            ratings = [float(value) for name, value in row.items() if name.startswith("human_score") and value]
            if ratings and text not in seen and (min(ratings) >= HARMFUL_FROM or max(ratings) == 0):
                seen.add(text)
                yield Labelled(text, min(ratings) >= HARMFUL_FROM)


def calibrate(labels: Sequence[Labelled]) -> Calibration:
    """Return how the scorer does on labelled texts; raises BadFormat unless there are both kinds."""
    seen = [(one.toxic, is_toxic(one.text)) for one in labels]
    toxic, rest = [hit for label, hit in seen if label], [hit for label, hit in seen if not label]
    if not toxic or not rest:
        raise BadFormat("a calibration needs texts of both labels")
    return Calibration(sum(toxic), len(toxic), len(rest) - sum(rest), len(rest))
