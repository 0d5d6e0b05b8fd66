"""`hanse evaluate`, `reproduce`, `compare` and `log-record`, as they are typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.openaiserver import Model, serving, sums
from tests.support.served import until

from hanse.cli.main import run
from hanse.evals.compare import Verdict
from hanse.evals.countersignature import Level
from hanse.flows.evaluate.countersign import commit_to, read
from hanse.flows.evaluate.runfolder import keep_suite, read_run


@pytest.fixture(name="suite")
def _suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HANSE_API_KEY", "s3cret-key")
    keep_suite(tmp_path / "suite", sums(120))
    return tmp_path / "suite"


def _evaluate(suite: Path, to: Path, url: str, *more: str, name: str = "adder") -> int:
    return run(["evaluate", "--api", url, "--model", name, "--suite", str(suite), "--to", str(to), *more])


def test_a_run_its_check_and_another_model(tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A signed record is made, checked, run again and laid beside another model; the key for the address is nowhere."""
    assert run(["sign", "key", str(tmp_path / "me.pem")]) == 0
    model = Model()
    with serving(model) as url:
        assert _evaluate(suite, tmp_path / "a", url, "--key", str(tmp_path / "me.pem"), "--as", "uni.example") == 0
        assert "120 items" in capsys.readouterr().out
        assert run(["reproduce", str(tmp_path / "a")]) == 0
        assert "V1 holds" in capsys.readouterr().out
        again = ["reproduce", str(tmp_path / "a"), "--level", "V3", "--to", str(tmp_path / "b"), "--api", url, "--model", "adder"]
        assert run([*again, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["verdict"] == "AGREES"
        assert _evaluate(suite, tmp_path / "c", url, "--json", name="other") == 0
        assert json.loads(capsys.readouterr().out)["model"]["weights"] == "claimed"
    assert run(["compare", str(tmp_path / "a"), str(tmp_path / "c")]) == 0
    said = capsys.readouterr().out
    assert ("two models" in said, said.count("claimed")) == (True, 2), said
    assert set(model.seen) == {"Bearer s3cret-key"}
    kept = b"".join(file.read_bytes() for name in ("a", "b", "c") for file in (tmp_path / name).iterdir())
    assert b"s3cret" not in kept


def test_a_forged_table_is_found(tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose table was changed exits with 1."""
    with serving(Model()) as url:
        assert _evaluate(suite, tmp_path / "a", url) == 0
    table = tmp_path / "a" / "table.jsonl"
    table.write_bytes(table.read_bytes().replace(b'"outcome":"0.000000"', b'"outcome":"1.000000"', 1))
    assert run(["reproduce", str(tmp_path / "a"), "--level", "V0"]) == 1
    assert "VerificationFailed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([], 2),
        (["--api", "http://127.0.0.1:1"], 2),
        (["/nowhere", "--model", "x"], 2),
        (["--api", "http://[", "--model", "x"], 1),
    ],
)
def test_what_is_missing(tmp_path: Path, suite: Path, given: list[str], code: int) -> None:
    """Without a model, or with half an address, nothing is run."""
    assert run(["evaluate", *given, "--suite", str(suite), "--to", str(tmp_path / "a")]) == code
    assert not (tmp_path / "a").exists()


def test_a_folder_needs_its_engine(tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights on this machine are run by an engine; where none is installed, the refusal says how to get it."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "m.gguf").write_bytes(b"GGUF")
    assert run(["evaluate", str(tmp_path / "m"), "--suite", str(suite), "--to", str(tmp_path / "a")]) == 1
    assert "hanse[evals]" in capsys.readouterr().err


@pytest.mark.soak
def test_killed_and_resumed(tmp_path: Path, suite: Path) -> None:
    """Kill -9 in the middle: the same command goes on, and no answer that was durable is asked for again."""
    keep_suite(tmp_path / "long", sums(400))
    model = Model(most=100)
    with serving(model) as url:
        given = ["evaluate", "--api", url, "--model", "adder", "--suite", tmp_path / "long", "--to", tmp_path / "a"]
        command = [sys.executable, "-m", "hanse", *map(str, given)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until(lambda: len(model.seen) > 100, 60)
            process.send_signal(signal.SIGKILL)
        model.released.set()
        assert process.returncode == -signal.SIGKILL
        assert len(model.seen) == 101, "the answer that was asked for last never came"
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    assert len(model.seen) == 401
    assert run(["reproduce", str(tmp_path / "a")]) == 0
    assert suite.exists()


def test_countersigned(tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check that is kept is a countersignature: at V1, also of a forged record, at V3, and at V4 only after a commitment."""
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    with serving(Model()) as url:
        assert _evaluate(suite, tmp_path / "a", url, "--as", "uni.example") == 0
        assert run(["reproduce", a, "--to", str(tmp_path / "v1"), "--as", "lab.example"]) == 0
        given = ["--api", url, "--model", "adder", "--as", "lab.example"]
        assert run(["reproduce", a, "--level", "V3", "--to", b, *given]) == 0
    one, key, _ = read(tmp_path / "v1")
    assert (one.level, one.verdict, one.evaluator, key) == (Level.V1, Verdict.AGREES, "lab.example", None)
    three = read(tmp_path / "b")[0]
    assert (three.level, three.record, three.own) == (Level.V3, one.record, read_run(tmp_path / "b").record.digest)
    assert run(["reproduce", a, "--level", "V4", "--to", b]) == 1
    commit_to(tmp_path / "b", read_run(tmp_path / "b").record)
    assert run(["reproduce", a, "--level", "V4", "--to", b]) == 0
    assert read(tmp_path / "b")[0].level is Level.V4
    capsys.readouterr()
    assert run(["reproduce", a, "--level", "V2", "--to", b]) == 2
    assert "--checkpoint" in capsys.readouterr().err


def test_a_forgery_is_said(tmp_path: Path, suite: Path) -> None:
    """A record whose outcomes do not follow from its answers is countersigned as INVALID, and the command fails."""
    with serving(Model()) as url:
        assert _evaluate(suite, tmp_path / "a", url) == 0
    path = tmp_path / "a" / "transcript.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"text":"1"', b'"text":"7"', 1))
    assert run(["reproduce", str(tmp_path / "a"), "--to", str(tmp_path / "v1")]) == 1
    one = read(tmp_path / "v1")[0]
    assert (one.verdict, one.reasons) == (Verdict.INVALID, ("scores-do-not-follow",))
