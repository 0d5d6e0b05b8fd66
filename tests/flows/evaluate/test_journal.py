"""The journal of a run: what is durable, what a crash leaves, and who may go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import BadFormat, Busy, Conflict
from hanse.evals.engine import Answer
from hanse.evals.itemtable import Status
from hanse.evals.transcript import Spoken
from hanse.flows.evaluate.journal import Journal

PLAN = {"suite": "x"}


def spoken(item: str, status: Status = Status.OK) -> Spoken:
    """Return an answer."""
    return Spoken(item, 0, Answer(status, "1", "?"), "0" * 32)


def test_goes_on(tmp_path: Path) -> None:
    """Answers are there again; a line that a crash cut off is not, and the next one follows the last whole one."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, PLAN)
    journal.append(spoken("a"))
    journal.close()
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("ab") as file:
        file.write(spoken("b").encode()[:-7])
    journal = Journal(path, PLAN)
    assert list(journal.answers) == [("a", 0)]
    journal.append(spoken("b"))
    journal.close()
    journal = Journal(path, PLAN)
    assert list(journal.answers) == [("a", 0), ("b", 0)]
    journal.close()


def test_a_crash_in_the_first_line(tmp_path: Path) -> None:
    """A journal that was only begun is begun again."""
    (tmp_path / "j").write_bytes(b'{"sui')
    journal = Journal(tmp_path / "j", PLAN)
    assert journal.answers == {}
    journal.close()
    assert (tmp_path / "j").read_bytes() == b'{"suite":"x"}\n'


def test_one_at_a_time(tmp_path: Path) -> None:
    """Two processes do not write one run, and another plan does not go on with it."""
    journal = Journal(tmp_path / "j", PLAN)
    with pytest.raises(Busy):
        Journal(tmp_path / "j", PLAN)
    journal.close()
    with pytest.raises(Conflict):
        Journal(tmp_path / "j", {"suite": "y"})


def test_an_answer_counts_once(tmp_path: Path) -> None:
    """An error that was not the model's may be followed by an answer; an answer by no other: nobody picks the better one."""
    path = tmp_path / "j"
    journal = Journal(path, PLAN)
    journal.append(spoken("a", Status.INFRA_ERROR))
    journal.append(spoken("a"))
    journal.close()
    journal = Journal(path, PLAN)
    assert journal.answers["a", 0].answer.status is Status.OK
    journal.append(spoken("a"))
    journal.close()
    with pytest.raises(BadFormat, match="two answers"):
        Journal(path, PLAN)
