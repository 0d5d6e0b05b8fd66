"""`hanse conform`: examines a server or a command, and says by its exit code how that went."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.ports import own_port

from hanse.cli.main import run


def test_a_server_is_examined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The origin examined as its own proxy fails one case and passes another; the report says so."""
    port = own_port()
    report = tmp_path / "report.json"
    cases = ["--case", "wrong-bytes", "--case", "clock-skew"]
    assert run(["conform", f"http://127.0.0.1:{port}", "--listen", str(port), *cases, "--json", str(report)]) == 1
    said = json.loads(report.read_text())
    assert [case["verdict"] for case in said["cases"]] == ["false", "right"]
    assert "1 of 2 cases passed; 1 unsafe" in capsys.readouterr().out


def test_what_has_another_upstream_is_not_examined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A subject that gives nothing of an honest origin is refused before the first case, and nothing is left of it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    port = own_port()
    assert run(["conform", "--listen", str(port), "--command", "true {repo} {dir}"]) == 1
    assert "does not come" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_report_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused before anything is examined."""
    assert run(["conform", "http://127.0.0.1:1", "--json", str(tmp_path / "none" / "report.json")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_either_a_server_or_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither is an error, and says what to do."""
    assert run(["conform"]) == 2
    assert "--command" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://[", "http://h:99999", "http://a..b", "https://127.0.0.1", "127.0.0.1:80"])
def test_what_is_no_address_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An address that is none, or that is not asked over plain HTTP, is a message and no traceback."""
    assert run(["conform", url, "--listen", "0"]) == 1
    assert url in capsys.readouterr().err
