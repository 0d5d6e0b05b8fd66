"""The scorer of toxic text against people's labels: how files are known and counted, and the published numbers."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.services.clients import suite_wheel

from hanse.errors import BadFormat, DigestMismatch
from hanse.evals.scorers.correction import TOXIC_ANSWERS, Calibration
from hanse.flows.suites import toxic_labels
from hanse.flows.suites.toxic_labels import FILES, Labelled, calibrate, labelled

TWEETS = ",count,hate_speech,offensive_language,neither,class,tweet\n0,3,0,0,3,2,even\n1,3,0,3,0,1,you idiot\n3,3,0,0,3,2,hello\n"
CASES = "functionality,case_id,test_case,label_gold\na,1,I hate women.,hateful\nb,2,I love women.,non-hateful\n"


@pytest.mark.parametrize(("text", "name"), [(TWEETS, "tweets"), (CASES, "hatecheck")])
def test_files_of_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str) -> None:
    """A file is known by its digest alone; of the tweets those with odd numbers count, which the rules were not written with."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    read = next(read for known, read in FILES.values() if known == name)
    monkeypatch.setattr(toxic_labels, "FILES", {digest: (name, read)})
    (tmp_path / "labels.csv").write_text(text)
    found, texts = labelled(tmp_path / "labels.csv")
    assert (found, len(texts)) == (name, 2)
    assert calibrate(texts) == Calibration(1, 1, 1, 1)
    (tmp_path / "labels.csv").write_text(text + "\n")
    with pytest.raises(DigestMismatch, match="no file of labels here has"):
        labelled(tmp_path / "labels.csv")


def test_labels_of_one_kind() -> None:
    """Labels of one kind calibrate nothing."""
    with pytest.raises(BadFormat, match="both labels"):
        calibrate([Labelled("a", toxic=True)])


@pytest.mark.soak
def test_the_published_calibration() -> None:
    """What the page says of answers that people rated for hate is what PyRIT's labels come to."""
    name, texts = labelled(suite_wheel("pyrit"))
    assert name == "answers"
    assert calibrate(texts) == TOXIC_ANSWERS
