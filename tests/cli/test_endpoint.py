"""`hanse endpoint`, and `hanse evaluate` of files that a member attests to have loaded behind an address."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.interop.test_engines import arithmetic
from tests.services.clients import SMOLLM2_GGUF, client_python
from tests.support.endpoints import KEY, public_key, served_model, serving
from tests.support.openaiserver import sums

from hanse.cli.main import run
from hanse.flows.evaluate.attested import ATTESTATION
from hanse.flows.evaluate.runfolder import keep_suite
from hanse.flows.evaluate.subject import of_folder


@pytest.fixture(name="model")
def _model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HANSE_API_KEY", raising=False)
    keep_suite(tmp_path / "suite", sums(20))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "m.gguf").write_bytes(b"GGUF")
    return tmp_path / "m"


def _evaluate(model: Path, url: str, to: Path, *more: str | Path) -> int:
    suite = model.parent / "suite"
    asked = ["evaluate", str(model), "--api", url, "--model", "uni/adder", "--suite", str(suite), "--to", str(to)]
    return run([*asked, *map(str, more), "--json"])


def test_bound_by_the_key_that_the_caller_names(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The record says `bound`, by whom and under which attestation, which the folder keeps; another run is not mixed with it."""
    trusted = ("--attested-by", public_key(tmp_path))
    with serving(served_model(int(time.time()), tree=of_folder(model).tree)) as url:
        assert _evaluate(model, url, tmp_path / "run", *trusted) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["model"]["weights"], found["runner"]["attestedBy"]) == ("bound", "uni.example")
        assert found["runner"]["attestedKey"] == KEY.public.fingerprint
        assert (tmp_path / "run" / ATTESTATION).exists()
        assert run(["reproduce", str(tmp_path / "run")]) == 0
        assert "weights bound" in capsys.readouterr().out
        assert _evaluate(model, url, tmp_path / "run") == 1, "a claim does not go on with it"


def test_claimed_where_nobody_believed_attests(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that the caller does not know leaves a claim, and says why; where he named a key, there is no run."""
    with serving(served_model(int(time.time()), tree=of_folder(model).tree)) as url:
        assert _evaluate(model, url, tmp_path / "run") == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["model"]["weights"] == "claimed"
        assert "claimed, not bound" in said.err
        assert "--attested-by" in said.err
        (model / "more.txt").write_text("other files")
        assert _evaluate(model, url, tmp_path / "other", "--attested-by", public_key(tmp_path)) == 1
        assert "other files" in capsys.readouterr().err
        assert not (tmp_path / "other").exists()
        assert run(["evaluate", "--api", url, "--model", "x", "--suite", "x", "--to", "x", "--attested-by", "x.pem"]) == 1


@pytest.mark.parametrize(
    "given", [("--host", "0.0.0.0"), ("--hours", "13"), ("--hours", "nan"), ("--as", "unnamed.invalid"), ("--key", "/nowhere")]
)
def test_what_is_not_served(tmp_path: Path, model: Path, given: tuple[str, str]) -> None:
    """To strangers without a key, for longer than half a day, in nobody's name, or with no key, nothing is served."""
    assert run(["sign", "key", str(tmp_path / "me.pem")]) == 0
    plain = {"--key": str(tmp_path / "me.pem"), "--as": "uni.example", "--port": "0"} | dict([given])
    assert run(["endpoint", str(model), *(word for pair in plain.items() for word in pair)]) == 1


@contextmanager
def _endpoint(folder: Path, model: Path) -> Iterator[str]:
    """Run `hanse endpoint` in a process of its own and give its address."""
    asked = [model, "--key", folder / "me.pem", "--as", "uni.example", "--port", 0, "--python", client_python("evals")]
    command = [sys.executable, "-u", "-m", "hanse", "endpoint", *map(str, asked)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(line.split()[-1] for line in lines if line.startswith("listening on"))
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


@pytest.mark.soak
def test_a_real_model(tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SmolLM2 behind a member's endpoint: the record is bound, tells tokens, and a run of one's own is of its numerics class."""
    (model / "m.gguf").unlink()
    shutil.copy(SMOLLM2_GGUF, model / "m.gguf")
    suite = arithmetic(count=8)
    keep_suite(tmp_path / "sums", suite)
    assert run(["sign", "key", str(tmp_path / "me.pem")]) == 0
    exported = subprocess.run(["openssl", "pkey", "-in", tmp_path / "me.pem", "-pubout"], capture_output=True, check=True)
    (tmp_path / "me.pub").write_bytes(exported.stdout)
    with _endpoint(tmp_path, model) as url:
        asked = ["evaluate", str(model), "--api", url, "--attested-by", str(tmp_path / "me.pub")]
        assert run([*asked, "--suite", str(tmp_path / "sums"), "--to", str(tmp_path / "run"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert (record["model"]["weights"], record["numerics"]["engine"]) == ("bound", "llama.cpp")
    again = ["reproduce", str(tmp_path / "run"), str(model), "--level", "V3", "--to", str(tmp_path / "own")]
    assert run([*again, "--python", str(client_python("evals")), "--json"]) in {0, 3}, "eight items decide little"
    found = json.loads(capsys.readouterr().out)
    assert (found["sameNumerics"], found["pairing"]["exact"]) == (True, "1.000000")
