"""Checking another's record: honest runs agree, and cheats are found at the level that can find them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.openaiserver import Adder, Model, sums

from hanse.errors import Conflict, InputError, NotFoundError, VerificationFailed
from hanse.evals.compare import Verdict
from hanse.evals.itemtable import ItemTable
from hanse.evals.record import EVALUATION, make_record
from hanse.flows.evaluate.reproduce import check_scores, require_same_model, side_by_side, to_json
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import Read, read_run, write_result
from hanse.flows.evaluate.subject import of_endpoint
from hanse.model.repo import Origin

COUNT = 300


def ran(folder: Path, model: Model, *, name: str = "adder", count: int = COUNT, delta: float = 0.05) -> Read:
    """Return a run of sums."""
    evaluate(
        Order(sums(count, delta=delta), of_endpoint("http://api.example", name), folder, Origin("uni.example")), Adder(model)
    )
    return read_run(folder)


@pytest.fixture(scope="module", name="honest")
def _honest(tmp_path_factory: pytest.TempPathFactory) -> Read:
    return ran(tmp_path_factory.mktemp("honest") / "run", Model())


@pytest.mark.parametrize(
    ("noise", "verdict"), [(0.0, Verdict.AGREES), (0.01, Verdict.AGREES), (0.12, Verdict.INCONCLUSIVE), (0.3, Verdict.DISAGREES)]
)
def test_a_run_again(tmp_path: Path, honest: Read, noise: float, verdict: Verdict) -> None:
    """Little noise agrees; much of it does not; in between more items are needed, and that is said (V3)."""
    both = side_by_side(honest, ran(tmp_path / "run", Model(noise=noise, seed=1)))
    assert both.verdict.verdict is verdict
    assert to_json(both)["pairing"]["n"] == COUNT


def test_invented_outcomes(tmp_path: Path, honest: Read) -> None:
    """5 % of outcomes that nobody's answers gave pass the numbers of the record (V0), and not the scorer (V1)."""
    check_scores(honest)
    folder = tmp_path / "run"
    ran(folder, Model())
    rows = [replace(row, outcome=1.0) if at % 20 == 0 else row for at, row in enumerate(honest.run.table.rows)]
    table, one = ItemTable(tuple(rows)), honest.record
    said = {name: getattr(one, name) for name in ("model", "name", "weights", "numerics", "hardware", "timing", "evaluator")}
    forged = make_record(honest.suite, table, said | {"runner": one.runner, "gaps": one.gaps})
    statement = replace(honest.statement, predicate_type=EVALUATION, predicate=forged.predicate())
    transcript = b"".join(line.encode() + b"\n" for line in honest.spoken or ())
    write_result(folder, statement, table, transcript, None)
    with pytest.raises(VerificationFailed, match="the answer scores"):
        check_scores(read_run(folder))


def test_two_models(tmp_path: Path, honest: Read) -> None:
    """Runs of two models are no reproduction; their scores are compared all the same."""
    both = side_by_side(honest, ran(tmp_path / "run", Model(wrong=0.2), name="better"))
    assert both.verdict.verdict is Verdict.NOT_COMPARABLE
    assert both.pairing is not None
    assert both.pairing.difference > 0.2


def test_what_cannot_be_compared(tmp_path: Path, honest: Read) -> None:
    """Another suite, another model or no transcript is said to be that."""
    with pytest.raises(InputError, match="two suites"):
        side_by_side(honest, ran(tmp_path / "run", Model(), count=20))
    with pytest.raises(Conflict):
        require_same_model(honest, of_endpoint("http://api.example", "other"))
    with pytest.raises(NotFoundError):
        check_scores(replace(honest, spoken=None))
