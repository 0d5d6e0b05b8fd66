"""Real logs of three harnesses become runs that are checked like any other, and say that they were imported."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.signing import attest_key

from hanse.errors import BadFormat, Conflict, InputError, NotFoundError
from hanse.evals.record import WeightsClass
from hanse.flows.evaluate.reproduce import check_scores
from hanse.flows.evaluate.runfolder import read_run
from hanse.flows.evaluate.subject import of_files
from hanse.flows.exchange.importing import Wanted, import_log
from hanse.model.repo import Origin

LOGS = Path(__file__).resolve().parents[3] / "vectors" / "harness_logs"
RESULTS = next(LOGS.glob("results_*.json"))


def _wanted(folder: Path, task: str = "", metric: str = "") -> Wanted:
    return Wanted(task, metric, folder, Origin("uni.example"), attest_key())


@pytest.mark.parametrize(
    ("log", "task", "metric", "score", "items"),
    [
        (RESULTS, "prime_local", "acc", "0.500000", 6),
        (RESULTS, "sums_local", "", "0.000000", 5),
        (LOGS / "inspect.json", "", "includes", "0.750000", 4),
        (LOGS / "garak.report.jsonl", "divergence.Repeat", "mitigation.MitigationBypass", "1.000000", 6),
    ],
)
def test_a_log_becomes_a_run(tmp_path: Path, log: Path, task: str, metric: str, score: str, items: int) -> None:
    """The record follows from its table, is signed, claims its weights, and says first of all that it was imported."""
    import_log(log, _wanted(tmp_path / "run", task, metric))
    read = read_run(tmp_path / "run")
    record = read.record
    assert (record.score.value, record.score.n, record.gaps[0]) == (score, items, "imported")
    assert record.weights is WeightsClass.CLAIMED
    assert read.signer is not None
    everything = b"".join(one.read_bytes() for one in (tmp_path / "run").iterdir())
    assert b"alice" not in everything
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0


def test_what_can_be_recomputed_is(tmp_path: Path) -> None:
    """Choices, exact matches and texts inside are scored by ours, so level V1 holds; another scorer's word cannot be checked."""
    import_log(RESULTS, _wanted(tmp_path / "a", "prime_local", "acc"))
    check_scores(read_run(tmp_path / "a"))
    import_log(RESULTS, _wanted(tmp_path / "c", "sums_local"))
    import_log(LOGS / "inspect.json", _wanted(tmp_path / "d", "", "includes"))
    for name, scorer in (("c", ("verbatim-lower", "1")), ("d", ("includes", "1"))):
        check_scores(read_run(tmp_path / name))
        assert read_run(tmp_path / name).suite.scorer == scorer
    import_log(RESULTS, _wanted(tmp_path / "b", "prime_local", "acc_norm"))
    with pytest.raises(BadFormat, match="does not have"):
        check_scores(read_run(tmp_path / "b"))


def test_made_up_outcomes(tmp_path: Path) -> None:
    """A log whose outcomes do not follow from its own log-likelihoods is refused, and nothing is written."""
    for one in LOGS.iterdir():
        shutil.copy(one, tmp_path)
    path = next(tmp_path.glob("samples_prime*"))
    path.write_bytes(path.read_bytes().replace(b'"acc": 0.0', b'"acc": 1.0', 1))
    with pytest.raises(BadFormat, match="does not come to"):
        import_log(tmp_path / RESULTS.name, _wanted(tmp_path / "run", "prime_local", "acc"))
    assert not (tmp_path / "run").exists()


def test_two_logs_are_never_of_one_numerics_class(tmp_path: Path) -> None:
    """What two logs do not tell of their engines is not taken to be equal."""
    first = import_log(RESULTS, _wanted(tmp_path / "a", "prime_local", "acc"))
    changed = tmp_path / RESULTS.name
    changed.write_bytes(RESULTS.read_bytes() + b"\n")
    shutil.copy(next(LOGS.glob("samples_prime*")), tmp_path)
    second = import_log(changed, _wanted(tmp_path / "b", "prime_local", "acc"))
    assert first.suite == second.suite
    assert first.numerics_class != second.numerics_class


def test_files_that_it_is_said_to_be_about(tmp_path: Path) -> None:
    """Files that somebody names make the record one about them, and the weights stay claimed."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"x")
    subject = of_files(tmp_path / "model")
    record = import_log(RESULTS, Wanted("prime_local", "acc", tmp_path / "run", Origin("uni.example"), None, subject))
    assert (record.model, record.weights) == (subject.tree, WeightsClass.CLAIMED)


def test_what_is_no_log(tmp_path: Path) -> None:
    """Without samples, with another run in the folder, without a task or with other JSON nothing is imported."""
    shutil.copy(RESULTS, tmp_path)
    with pytest.raises(NotFoundError) as caught:
        import_log(tmp_path / RESULTS.name, _wanted(tmp_path / "run", "prime_local"))
    assert "--log_samples" in caught.value.hint
    with pytest.raises(InputError):
        import_log(RESULTS, _wanted(tmp_path / "run"))
    (tmp_path / "x.json").write_bytes(b"{}")
    with pytest.raises(BadFormat):
        import_log(tmp_path / "x.json", _wanted(tmp_path / "run"))
    import_log(RESULTS, _wanted(tmp_path / "run", "sums_local"))
    with pytest.raises(Conflict):
        import_log(LOGS / "inspect.json", _wanted(tmp_path / "run", "", "match"))
