"""A real model in a real engine: SmolLM2-135M in llama.cpp, one thread, evaluated by one institution and checked by another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.services.clients import SMOLLM2_GGUF, client_python

from hanse.errors import VerificationFailed
from hanse.evals.countersignature import Level
from hanse.evals.itemtable import ItemTable
from hanse.evals.record import Record, make_record
from hanse.evals.suite import Decoding, Item, Request, Suite
from hanse.evals.transcript import Spoken
from hanse.flows.evaluate.countersign import read
from hanse.flows.evaluate.reproduce import check_scores
from hanse.flows.evaluate.runfolder import keep_suite, read_run, write_result
from hanse.sign.statement import Statement

COUNT = 200


def arithmetic(*, temperature: float = 0.0, epochs: int = 1, count: int = COUNT) -> Suite:
    """Return sums of small numbers, as a text to go on with: some of them the model gets right."""
    items = []
    for at in range(count):
        one, other = at % 20 + 1, at // 20 + 1
        items.append(Item(f"sum-{at:03}", f"sum-{at:03}", (("user", f"1+1=2\n2+3=5\n{one}+{other}="),), str(one + other)))
    decoding = Decoding(temperature, 1.0, 4, ("\n",), seed=7)
    return Suite(
        "small-sums", "1", "CC0-1.0", Request.COMPLETION, decoding, ("number", "1"), epochs, 0.05, 0.8, False, tuple(items)
    )


def choices() -> Suite:
    """Return 200 choices between a sum and a number near it, by log-likelihood: most of them the model gets right, not all."""
    items = []
    for at, item in enumerate(arithmetic().items):
        other = str(int(item.target) + at % 7 + 1)
        items.append(replace(item, choices=tuple(sorted((item.target, other)))))
    decoding, terms = Decoding(0.0, 1.0, 0), (1, 0.05, 0.9, False)
    return Suite("sum-choices", "1", "CC0-1.0", Request.LOGLIKELIHOOD, decoding, ("choice", "1"), *terms, tuple(items))


def hanse(*arguments: object, timeout: float = 3600) -> tuple[int, str]:
    """Run the command in a process of its own, offline but for loopback; return its exit code and standard output."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HANSE_HOME": str(Path.cwd() / "none")}
    command = [sys.executable, "-m", "hanse", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout, check=False)
    assert done.returncode in {0, 1, 3}, done.stderr
    return done.returncode, done.stdout or done.stderr


def run(suite: Suite, folder: Path, model: Path) -> Path:
    """Return the folder of a run in a process of its own."""
    keep_suite(folder / "suite", suite)
    python = client_python("evals")
    code, said = hanse("evaluate", model, "--suite", folder / "suite", "--to", folder / "run", "--python", python, "--json")
    assert code == 0, said
    assert json.loads(said)["model"]["weights"] == "local"
    return folder / "run"


def forge(folder: Path, suite: Suite, record: Record, statement: Statement, table: ItemTable, lines: Sequence[Spoken]) -> None:
    """Write a run whose record says of a table what another record says of its own."""
    names = ("model", "name", "weights", "numerics", "hardware", "timing", "evaluator", "runner", "gaps")
    forged = make_record(suite, table, {name: getattr(record, name) for name in names})
    keep_suite(folder, suite)
    transcript = b"".join(line.encode() + b"\n" for line in lines)
    write_result(folder, replace(statement, predicate=forged.predicate()), table, transcript, None)


@pytest.fixture(scope="module", name="model")
def _model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    shutil.copyfile(SMOLLM2_GGUF, folder / SMOLLM2_GGUF.name)
    return folder


@pytest.fixture(scope="module", name="honest")
def _honest(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    return run(arithmetic(), tmp_path_factory.mktemp("honest"), model)


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_another_reproduces(tmp_path: Path, model: Path, honest: Path) -> None:
    """A second process, which hashes and loads the files itself, comes to the same answers: V1 holds and V3 AGREES."""
    assert hanse("reproduce", honest)[0] == 0
    python = client_python("evals")
    code, said = hanse("reproduce", honest, model, "--level", "V3", "--to", tmp_path / "own", "--python", python, "--json")
    found = json.loads(said)
    assert (code, found["verdict"]) == (0, "AGREES")
    assert found["sameNumerics"]
    assert found["pairing"]["exact"] == "1.000000"
    assert not read_run(honest).record.score.degenerate


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_sampling_sold_as_greedy(tmp_path: Path, model: Path, honest: Path) -> None:
    """Answers drawn at temperature 0.7 under the name of the greedy suite do not agree with a run of the greedy one."""
    sampled = read_run(run(arithmetic(temperature=0.7, epochs=3), tmp_path, model))
    suite, one = read_run(honest).suite, read_run(honest)
    lines = [line for line in sampled.spoken or () if line.epoch == 0]
    forged = ItemTable(tuple(row for row in sampled.run.table.rows if row.epoch == 0))
    forge(tmp_path / "forged", suite, one.record, one.statement, forged, lines)
    code, said = hanse("compare", honest, tmp_path / "forged", "--json")
    found = json.loads(said)
    assert code == 0
    assert found["verdict"] != "AGREES"
    assert "outputs-differ-in-one-numerics-class" in found["reasons"]


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_invented_outcomes(tmp_path: Path, honest: Path) -> None:
    """5 % of outcomes that were made up do not follow from the transcript."""
    one = read_run(honest)
    rows = [
        replace(row, outcome=1.0 - (row.outcome or 0.0)) if at % 20 == 0 else row for at, row in enumerate(one.run.table.rows)
    ]
    forge(tmp_path / "forged", one.suite, one.record, one.statement, ItemTable(tuple(rows)), list(one.spoken or ()))
    with pytest.raises(VerificationFailed, match="10 rows"):
        check_scores(read_run(tmp_path / "forged"))


CHECKPOINT = b"log.example\n100\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 log.example AAAAAGFiY2Q=\n"
"""A checkpoint that nobody of the two chose."""


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_across_engines(tmp_path: Path, model: Path) -> None:
    """llama.cpp and PyTorch over the same bytes: 200 choices do not tell them apart."""
    keep_suite(tmp_path / "suite", choices())
    llama = ["--python", client_python("evals")]
    torch = ["--engine", "transformers", "--python", client_python("torch")]
    first, own = tmp_path / "first", tmp_path / "own"
    assert hanse("evaluate", model, "--suite", tmp_path / "suite", "--to", first, *llama)[0] == 0
    assert not read_run(first).record.score.degenerate
    code, said = hanse("reproduce", first, model, "--level", "V3", "--to", own, *torch, "--json")
    found = json.loads(said)
    assert code in {0, 3}, found["verdict"]  # 200 items show that they agree, or do not suffice: they differ in about five
    assert not found["sameNumerics"]
    assert float(found["pairing"]["agreement"]) >= 0.95
    assert read(own)[0].level is Level.V3


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_forced_in_one_numerics_class(tmp_path: Path, model: Path, honest: Path) -> None:
    """The engine that gave the answers finds every token the likeliest one; answers drawn at temperature 0.7 it does not."""
    (tmp_path / "checkpoint").write_bytes(CHECKPOINT)
    check = ["--level", "V2", "--checkpoint", tmp_path / "checkpoint", "--python", client_python("evals"), "--json"]
    code, said = hanse("reproduce", honest, model, *check)
    found = json.loads(said)
    assert (code, found["verdict"], found["audit"]["argmax"]) == (0, "AGREES", "1.000000")
    sampled, one = read_run(run(arithmetic(temperature=0.7, epochs=3), tmp_path, model)), read_run(honest)
    lines = [line for line in sampled.spoken or () if line.epoch == 0]
    forged = ItemTable(tuple(row for row in sampled.run.table.rows if row.epoch == 0))
    forge(tmp_path / "forged", one.suite, one.record, one.statement, forged, lines)
    code, said = hanse("reproduce", tmp_path / "forged", model, *check)
    assert (code, json.loads(said)["verdict"]) == (1, "DISAGREES")
