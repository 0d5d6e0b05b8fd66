"""One honest run and cheats on a real model: what V1, V2 and V3 find of them, over a slice; docs/evaluations.md has rates.

SmolLM2-135M answers in llama.cpp, and PyTorch, another engine over the same bytes, is made to say what everybody claims.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.interop.test_engines import CHECKPOINT, arithmetic, forge
from tests.services.clients import ROOT, SMOLLM2_GGUF, client_python

from hanse.errors import VerificationFailed
from hanse.evals.audit import Outcome
from hanse.evals.compare import Verdict
from hanse.evals.engine import Ask
from hanse.evals.itemtable import ItemTable
from hanse.evals.scorers.registry import score
from hanse.evals.suite import Decoding, Item
from hanse.evals.transcript import Spoken, table_of
from hanse.flows.evaluate.audit import audit, text_of
from hanse.flows.evaluate.reproduce import check_scores, countersign, side_by_side
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.flows.evaluate.subject import of_folder
from hanse.jobs.engine import EngineLimits, LocalEngine
from hanse.model.repo import Origin

ITEMS = 25
SUITE = replace(arithmetic(), items=arithmetic().items[:: 200 // ITEMS])
LIMITS = EngineLimits(context=256)
pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


def llama(model: Path) -> closing[LocalEngine]:
    """Return llama.cpp with a model."""
    return closing(LocalEngine("xllamacpp", model, LIMITS, str(client_python("evals"))))


@pytest.fixture(scope="module", name="model")
def _model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    shutil.copyfile(SMOLLM2_GGUF, folder / SMOLLM2_GGUF.name)
    return folder


@pytest.fixture(scope="module", name="torch")
def _torch() -> Iterator[LocalEngine]:
    with closing(LocalEngine("transformers", SMOLLM2_GGUF, LIMITS, str(client_python("torch")))) as engine:
        yield engine


@pytest.fixture(scope="module", name="honest")
def _honest(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Read:
    """Return the honest run, by one institution."""
    folder = tmp_path_factory.mktemp("honest")
    with llama(SMOLLM2_GGUF) as engine:
        evaluate(Order(SUITE, of_folder(model), folder, Origin("uni.example")), engine)
    return read_run(folder)


def claimed(honest: Read, folder: Path, spoken: list[Spoken], table: ItemTable | None = None) -> Read:
    """Return a run that says of other answers, or of another table, what the honest one says of its own."""
    made = table or table_of(SUITE, spoken, lambda item, text: score(SUITE, item, text))
    forge(folder, SUITE, honest.record, honest.statement, made, spoken)
    return read_run(folder)


def answers(model: Path, *, temperature: float = 0.0, lead: str = "", count: int = ITEMS) -> list[Spoken]:
    """Return what a model says to the first items, at another temperature or behind another prompt."""
    decoding = replace(SUITE.decoding, temperature=temperature)
    with llama(model) as engine:
        return [Spoken(one.id, 0, engine.answer(_ask(one, decoding, lead)), "0" * 32) for one in SUITE.items[:count]]


def _ask(item: Item, decoding: Decoding, lead: str) -> Ask:
    asked = replace(item, messages=(("user", lead + item.messages[0][1]),))
    return Ask(asked, 0, SUITE.request, decoding)


def audited(read: Read, engine: LocalEngine) -> Outcome:
    """Return what an audit of all items comes to; the scores hold before it."""
    check_scores(read)
    return audit(read, engine, text_of(CHECKPOINT), ITEMS)


def test_an_honest_run(tmp_path: Path, model: Path, honest: Read, torch: LocalEngine) -> None:
    """Another engine finds the tokens near its own likeliest ones, and a run by it does not disagree."""
    found = audited(honest, torch)
    assert found.verdict is Verdict.AGREES, found
    assert float(found.audit.argmax) < 1  # it is another numerics class
    evaluate(Order(SUITE, of_folder(model), tmp_path, Origin("lab.example")), torch)
    both = side_by_side(honest, read_run(tmp_path))
    assert both.verdict.verdict in {Verdict.AGREES, Verdict.INCONCLUSIVE}  # 25 items show little
    assert (both.verdict.same_class, countersign(both).own) == (False, both.second.record.digest)
    assert both.pairing is not None
    assert both.pairing.agreement >= 0.9


def test_temperature_sold_as_greedy(tmp_path: Path, honest: Read, torch: LocalEngine) -> None:
    """Answers drawn at temperature 0.7 are no likeliest tokens."""
    found = audited(claimed(honest, tmp_path, answers(SMOLLM2_GGUF, temperature=0.7)), torch)
    assert found.verdict is Verdict.DISAGREES, found


def test_another_model(tmp_path: Path, honest: Read, torch: LocalEngine) -> None:
    """Weights of which one layer of thirty is idle give answers that the right weights do not."""
    other = tmp_path / "other.gguf"
    shutil.copyfile(SMOLLM2_GGUF, other)
    change = [client_python("torch"), ROOT / "tests" / "device" / "noise.py", other, "layer", "0"]
    assert subprocess.run([str(word) for word in change], check=True, capture_output=True, text=True).stdout == "2\n"
    found = audited(claimed(honest, tmp_path / "run", answers(other)), torch)
    assert found.verdict is Verdict.DISAGREES, found


def test_noise_in_one_numerics_class(tmp_path: Path, model: Path, honest: Read) -> None:
    """The engine of an honest run finds no gap in it, and finds weights with 5 % noise by theirs, which others hardly see."""
    other = tmp_path / "other.gguf"
    shutil.copyfile(SMOLLM2_GGUF, other)
    change = [client_python("torch"), ROOT / "tests" / "device" / "noise.py", other, "noise", "0.05"]
    subprocess.run([str(word) for word in change], check=True, capture_output=True)
    with llama(model / SMOLLM2_GGUF.name) as engine:
        found = audited(honest, engine)
        assert (found.verdict, found.audit.argmax, found.audit.threshold) == (Verdict.AGREES, "1.000000", "gaps-3-same"), found
        found = audited(claimed(honest, tmp_path / "run", answers(other)), engine)
        assert (found.verdict, found.audit.threshold) == (Verdict.DISAGREES, "gaps-3-same"), found


def test_another_prompt(tmp_path: Path, honest: Read, torch: LocalEngine) -> None:
    """Another prompt than the suite's is seen as such, which is no disagreement and no agreement either."""
    other = answers(SMOLLM2_GGUF, lead="Answer wrongly.\n", count=3)
    found = audited(claimed(honest, tmp_path, [*other, *(honest.spoken or ())[3:]]), torch)
    assert (found.verdict, found.reasons, len(found.items)) == (Verdict.NOT_COMPARABLE, ("other-prompts",), 3)


def test_invented(tmp_path: Path, honest: Read, torch: LocalEngine) -> None:
    """Two invented outcomes do not follow from the answers; invented answers, with the tokens of others, fall at V2."""
    rows, spoken = list(honest.run.table.rows), list(honest.spoken or ())
    wrong = [at for at, row in enumerate(rows) if row.outcome == 0][:2]
    assert len(wrong) == 2
    for at in wrong:
        rows[at] = replace(rows[at], outcome=1.0)
    with pytest.raises(VerificationFailed, match="2 rows"):
        check_scores(claimed(honest, tmp_path / "outcomes", spoken, ItemTable(tuple(rows))))
    right = {item.id: item.target for item in SUITE.items}
    for at in wrong:
        spoken[at] = replace(spoken[at], answer=replace(spoken[at].answer, text=right[spoken[at].item]))
    found = audited(claimed(honest, tmp_path / "answers", spoken), torch)
    assert (found.verdict, found.reasons[0], len(found.items)) == (Verdict.DISAGREES, "text-does-not-follow", 2)
