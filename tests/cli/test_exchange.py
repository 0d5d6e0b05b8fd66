"""`hanse import-log`, `import-claims` and `export-record`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanse.cli.main import run

LOGS = Path(__file__).resolve().parents[1] / "vectors" / "harness_logs"


def test_in_and_out_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log becomes a run that is checked; it is written for others; what was written comes back as a claim only."""
    log = str(next(LOGS.glob("results_*.json")))
    to = str(tmp_path / "run")
    assert run(["import-log", log, "--task", "prime_local", "--metric", "acc", "--to", to, "--as", "uni.example"]) == 0
    assert "not told are weights" in capsys.readouterr().out
    assert run(["reproduce", to]) == 0
    assert run(["export-record", to, to, "--form", "html", "--to", str(tmp_path / "report.html")]) == 0
    assert run(["export-record", to, "--form", "every-eval-ever", "--to", str(tmp_path / "a.json")]) == 0
    capsys.readouterr()
    claim = ["import-claims", str(tmp_path / "a.json"), "--of", str(LOGS), "--to", str(tmp_path / "c.json"), "--json"]
    assert run(claim) == 0
    assert json.loads(capsys.readouterr().out)["by"] == "uni.example"


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a task the message lists those that the log has, and nothing is written."""
    log = str(next(LOGS.glob("results_*.json")))
    assert run(["import-log", log, "--to", str(tmp_path / "run")]) == 1
    assert "--task with one of prime_local, sums_local" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
