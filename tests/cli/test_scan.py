"""`hanse scan`: what people and programs see of a verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hanse.cli.main import run

PLAIN = b"\x80\x04\x95\x13\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94]\x94(K\x01K\x02\x8c\x01x\x94es."
"""{"a": [1, 2, "x"]} as Python 3.11 pickles it."""
EXEC = b"cos\nsystem\n(S'echo hanse-test'\ntR."


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    (tmp_path / "good.json").write_text('{"hidden_size": 4}')
    (tmp_path / "bad.pkl").write_bytes(EXEC)
    return tmp_path


def test_exit_codes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 for safe, 1 for malicious, 2 for what cannot be read or found."""
    assert run(["scan", str(folder / "good.json")]) == 0
    assert run(["scan", str(folder / "bad.pkl")]) == 1
    assert run(["scan", str(folder / "none")]) == 2
    assert run(["scan", str(folder / "good.json"), "--ruleset", str(folder / "good.json")]) == 2
    (folder / "empty").mkdir()
    assert run(["scan", str(folder / "empty")]) == 2
    assert "hint" in capsys.readouterr().err


def test_json_names_every_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every input file is in the object, by the name under which it was found."""
    assert run(["scan", str(folder), "--json", "--digest"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["path"] for one in told["files"]] == [str(folder / "bad.pkl"), str(folder / "good.json")]
    bad, good = told["files"]
    assert (bad["verdict"], good["verdict"], bad["coverage"]) == ("malicious", "safe", "complete")
    assert bad["imports"] == ["os system"]
    assert len(bad["evidence"]) == len(told["ruleset"]["digest"]) == 64
    assert told["summary"]["verdicts"]["malicious"] == 1


def test_readable_output_explains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a file, its findings with what would make it pass, and a summary."""
    run(["scan", str(folder)])
    text = capsys.readouterr().out
    assert "MALICIOUS: " in text
    assert "to pass: " in text
    assert "2 files: 1 safe, 1 malicious" in text


def test_names_cannot_rewrite_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters in names and in files are shown escaped."""
    (tmp_path / "a\x1b[2Jb.json").write_text("{}")
    (tmp_path / "b.pkl").write_bytes(b"cos\nsys\x1b[2Jtem\n(S'x'\ntR.")
    run(["scan", str(tmp_path)])
    assert "\x1b" not in capsys.readouterr().out


def test_sarif_file(folder: Path) -> None:
    """The findings are also written as SARIF."""
    assert run(["scan", str(folder), "--sarif", str(folder / "out.sarif")]) == 1
    log = json.loads((folder / "out.sarif").read_text())
    assert log["version"] == "2.1.0"
    assert log["runs"][0]["results"]
    assert run(["scan", str(folder), "--sarif", str(folder / "none" / "out.sarif")]) == 2


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    """A rule is explained; without a name all are listed; a wrong name suggests others."""
    assert run(["scan", "explain", "route-polyglot"]) == 0
    assert "What would make it pass" in capsys.readouterr().out
    assert run(["scan", "explain"]) == 0
    assert "ROUTE-POLYGLOT" in capsys.readouterr().out
    assert run(["scan", "explain", "ROUTE-POLYGLOT", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["severity"] == "suspicious"
    assert run(["scan", "explain", "ROUTE-NONE"]) == 1
    assert "ROUTE-POLYGLOT" in capsys.readouterr().err


def test_progress_on_big_folders(tmp_path: Path) -> None:
    """Where there is no terminal, a line now and then tells how far a long scan has come."""
    for number in range(250):
        (tmp_path / f"{number}.json").write_text("{}")
    command = [sys.executable, "-m", "hanse", "scan", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "scanned 200 of 250 files" in done.stderr


def test_a_plain_pickle_is_safe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Plain data pickled by Python itself has no finding."""
    (tmp_path / "a.pkl").write_bytes(PLAIN)
    assert run(["scan", str(tmp_path / "a.pkl")]) == 0
    assert capsys.readouterr().out.startswith("ok: ")


def test_a_clients_bookkeeping_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a client keeps beside a download is scanned too, counted in one line, and told in full where it is not clean."""
    kept = tmp_path / ".cache" / "huggingface" / "download"
    kept.mkdir(parents=True)
    for name in ("a.lock", "b.lock"):
        (kept / name).write_bytes(b"")
    (tmp_path / "config.json").write_text("{}")
    assert run(["scan", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "ok: 2 files in which a client keeps its own accounts" in out
    assert ".lock" not in out
    (kept / "evil.pkl").write_bytes(EXEC)
    assert run(["scan", str(tmp_path)]) != 0
    assert "evil.pkl" in capsys.readouterr().out
