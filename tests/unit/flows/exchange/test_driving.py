"""Driving a harness: its answers are the engine's own, a run goes on after a stop, and a log with others' answers is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hanse.errors import BadFormat, Busy, Conflict
from hanse.evals.engine import Answer, Ask, Observed
from hanse.evals.harness import Description, Question, parse_question
from hanse.evals.itemtable import Status
from hanse.evals.record import WeightsClass
from hanse.flows.evaluate.reproduce import check_if_ours
from hanse.flows.evaluate.run import RunLimits
from hanse.flows.evaluate.runfolder import read_run
from hanse.flows.evaluate.subject import Subject
from hanse.flows.exchange.driving import Drive, drive
from hanse.flows.exchange.importing import Wanted
from hanse.jobs.harness import HarnessOrder
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

LOG = Path(__file__).resolve().parents[3] / "vectors" / "harness_logs" / "inspect.json"
SAID: dict[str, Any] = json.loads(LOG.read_bytes())


def _text(sample: dict[str, Any]) -> str:
    return str(sample["output"]["choices"][0]["message"]["content"])


class Recorded:
    """A harness whose log is known: it asks for what the log holds, in the log's order, and writes the log."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._said = said

    def describe(self) -> Description:
        """Return that it is Inspect."""
        return Description("inspect", "0.3.285", "c" * 64)

    def run(self, order: HarnessOrder, answer: Callable[[Question], Answer], stopping: Callable[[], bool]) -> Path:
        """Ask for each sample, then write the log."""
        assert not stopping()
        for sample in self._said["samples"]:
            said = {"messages": [["user", sample["input"]]], "max_tokens": 16, "temperature": 0.0, "top_p": 1.0, "seed": 0}
            answer(parse_question(said))
        path = order.to / "log.json"
        path.write_text(json.dumps(self._said))
        return path


class Adding:
    """An engine that says what the recorded model said. asked: how often it was."""

    def __init__(self) -> None:
        self.asked = 0
        self._known = {str(sample["input"]): _text(sample) for sample in SAID["samples"]}

    def observed(self) -> Observed:
        """Return that it is an engine of its own."""
        return Observed({"engine": "adder", "threads": "1"}, {"network": "own"})

    def answer(self, ask: Ask) -> Answer:
        """Return the answer that is known."""
        self.asked += 1
        prompt = ask.item.messages[-1][1]
        return Answer(Status.OK, self._known[prompt], f"<s>{prompt}", tokens=(1, 2), count=2)

    def close(self) -> None:
        """Do nothing."""


def _order(folder: Path, limits: RunLimits | None = None) -> Drive:
    subject = Subject(Sha256("a" * 64), "org/adder", WeightsClass.LOCAL)
    wanted = Wanted("", "match", folder, Origin("uni.example"), None, subject)
    return Drive("/home/alice/sums.py@sums", wanted, subject, limits=limits or RunLimits())


def test_a_driven_run(tmp_path: Path) -> None:
    """The record has the weights and numerics that were observed, the harness's code, and what nobody could tell."""
    record = drive(_order(tmp_path / "run"), Recorded(SAID), Adding())
    read = read_run(tmp_path / "run")
    assert (record.weights, record.numerics["engine"], record.model) == (WeightsClass.LOCAL, "adder", "a" * 64)
    assert (record.runner["name"], record.runner["code"], record.runner["task"]) == ("inspect", "c" * 64, "sums.py@sums")
    assert record.gaps == ("driven", "tokenizer", "suite-before-run", "clusters")
    assert read.spoken is not None
    assert {one.answer.tokens for one in read.spoken} == {(1, 2)}
    assert check_if_ours(read) == ("scores-not-checked",)
    everything = b"".join(
        one.read_bytes() for one in (tmp_path / "run").iterdir() if one.is_file() and one.name != "journal.jsonl"
    )
    assert b"alice" not in everything


def test_a_driven_run_that_is_recomputed(tmp_path: Path) -> None:
    """Where a scorer of ours does what the harness's does, level V1 holds for a driven run, too."""
    order = _order(tmp_path / "run")
    drive(replace(order, wanted=replace(order.wanted, metric="includes")), Recorded(SAID), Adding())
    read = read_run(tmp_path / "run")
    assert (check_if_ours(read), read.suite.scorer) == ((), ("includes", "1"))


def test_two_driven_runs_are_of_one_suite(tmp_path: Path) -> None:
    """Whoever drives the same task comes to the same suite and, on one engine, to one numerics class."""
    first, second = (drive(_order(tmp_path / name), Recorded(SAID), Adding()) for name in ("a", "b"))
    assert (first.suite, first.numerics_class) == (second.suite, second.numerics_class)


def test_it_goes_on(tmp_path: Path) -> None:
    """A run that reached its limit goes on by the same order, and no answer is asked for twice."""
    engine, samples = Adding(), len(SAID["samples"])
    with pytest.raises(Busy):
        drive(_order(tmp_path / "run", RunLimits(tokens=6)), Recorded(SAID), engine)
    assert engine.asked == 3
    drive(_order(tmp_path / "run"), Recorded(SAID), engine)
    assert engine.asked == samples
    with pytest.raises(Conflict):
        drive(Drive("other", _order(tmp_path / "run").wanted, _order(tmp_path / "run").subject), Recorded(SAID), engine)


def test_answers_of_another_model(tmp_path: Path) -> None:
    """A harness whose log has an answer that the engine did not give makes no record."""
    said = json.loads(json.dumps(SAID))
    said["samples"][0]["output"]["choices"][0]["message"]["content"] = "I asked somebody else"
    with pytest.raises(BadFormat, match="did not give"):
        drive(_order(tmp_path / "run"), Recorded(said), Adding())
    assert not (tmp_path / "run" / "record.json").exists()
