"""Running a suite against a real server: answers, resuming, limits, errors, and what the folder holds in the end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.openaiserver import Model, asking, sums
from tests.support.signing import attest_key

from hanse.errors import Busy, NotFoundError, PeerDown
from hanse.evals.record import WeightsClass
from hanse.flows.evaluate.run import Order, RunLimits, Told, evaluate
from hanse.flows.evaluate.runfolder import read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.model.repo import Origin


def order(folder: Path, count: int = 60) -> Order:
    """Return a run of sums by nobody in particular."""
    return Order(sums(count), of_endpoint("http://api.example", "adder"), folder, Origin("uni.example"))


def test_a_run_and_its_record(tmp_path: Path) -> None:
    """Every item is asked once; the record is signed, its numbers follow from the table, and prompts stay private."""
    model, key, seen = Model(), attest_key(), list[Told]()
    with asking(model) as engine:
        evaluate(replace(order(tmp_path / "run"), signer=key), engine, seen.append)
    read = read_run(tmp_path / "run")
    assert len(model.seen) == seen[-1].done == read.record.counts["ok"] == 60
    assert read.signer == key.public
    assert read.record.weights is WeightsClass.CLAIMED
    assert 0 < read.record.score.n * float(read.record.score.value) < 60
    assert "numerics.kv" in read.record.gaps
    assert (tmp_path / "run" / "transcript.jsonl").stat().st_mode & 0o077 == 0
    public = (tmp_path / "run" / "record.json").read_text() + (tmp_path / "run" / "table.jsonl").read_text()
    assert "What is" not in public


def test_limits_and_resuming(tmp_path: Path) -> None:
    """A run that reached a limit goes on with what is left, and no answer is asked for twice."""
    model, mine = Model(), order(tmp_path / "run")
    with asking(model) as engine:
        with pytest.raises(Busy, match="of 60 answers"):
            evaluate(replace(mine, limits=RunLimits(tokens=10)), engine)
        assert 0 < len(model.seen) < 60
        with pytest.raises(NotFoundError):
            read_run(tmp_path / "run")
        evaluate(mine, engine)
    assert len(model.seen) == 60
    assert read_run(tmp_path / "run").record.counts["ok"] == 60


def test_cancelled(tmp_path: Path) -> None:
    """Whoever cancels loses nothing: what was answered is in the journal."""
    count = iter(range(100))
    with asking(Model()) as engine, pytest.raises(Busy):
        evaluate(order(tmp_path / "run"), engine, stopping=lambda: next(count) >= 5)
    assert len((tmp_path / "run" / "journal.jsonl").read_bytes().splitlines()) == 6


def test_errors_of_items_and_of_the_server(tmp_path: Path) -> None:
    """A refused item is the model's error and stays in the count; a server that is gone ends the run, which goes on later."""
    model = Model(failing=[400])
    with asking(model, pause=lambda _seconds: None) as engine:
        evaluate(order(tmp_path / "one"), engine)
        assert read_run(tmp_path / "one").record.counts["model-error"] == 1
        model.failing = [503] * 40
        with pytest.raises(PeerDown):
            evaluate(order(tmp_path / "two"), engine)
        model.failing = []
        evaluate(order(tmp_path / "two"), engine)
    assert read_run(tmp_path / "two").record.counts["ok"] == 60


def test_an_item_that_failed_is_asked_again(tmp_path: Path) -> None:
    """An error that is not the model's stays in the record as such; the same command asks again and writes a better record."""
    model = Model(failing=[503] * 5)
    with asking(model, pause=lambda _seconds: None) as engine:
        evaluate(order(tmp_path / "run"), engine)
        assert read_run(tmp_path / "run").record.counts["infra-error"] == 1
        evaluate(order(tmp_path / "run"), engine)
    assert read_run(tmp_path / "run").record.counts["ok"] == 60
    assert json.loads((tmp_path / "run" / "journal.jsonl").read_bytes().splitlines()[1])["status"] == "infra-error"
