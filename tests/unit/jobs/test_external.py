"""Commands of other scanners, as little scripts."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from hanse.jobs.external import CommandLimits, run_command

LIMITS = CommandLimits(seconds=120, memory=2 * 1024**3, written=1_000_000, output=2000)


def _script(folder: Path, text: str) -> list[str]:
    path = folder / "fake.py"
    path.write_text(text)
    return [sys.executable, str(path), "--format", "json", "{file}"]


def _gone(pid: int) -> bool:
    """Tell whether a process ends within seconds; a zombie has ended."""
    stat = Path(f"/proc/{pid}/stat")
    for _ in range(6000):
        try:
            if stat.read_text().split()[2] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    path = folder / "file.pkl"
    path.write_bytes(b"bytes")
    return path


def test_its_json_is_recorded(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the file under a plain name, without the node's secrets, and its findings are taken down with its exit code."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    text = (
        "import json, os, sys; print(json.dumps([sys.argv[1:], open(sys.argv[3]).read(), 'HF_TOKEN' in os.environ])); sys.exit(1)"
    )
    found = run_command(_script(tmp_path, text), file, LIMITS)
    assert found == {
        "name": Path(sys.executable).name,
        "exit": 1,
        "error": None,
        "output": [["--format", "json", "file.pkl"], "bytes", False],
        "reproducible": False,
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("print('no json')", "output"),
        ("print('[' * 1500)", "output"),
        ("print('\"' + 'x' * 3000 + '\"')", "output"),
        ("", "output"),
        ("import os; os.write(1, bytes(2_000_000)); print(1)", "output"),
        ("import os; os.open('big', os.O_CREAT | os.O_WRONLY); x = bytearray(4 * 1024**3)", "output"),
    ],
)
def test_what_is_no_json_is_no_opinion(tmp_path: Path, file: Path, text: str, error: str) -> None:
    """Text, too much of it, nothing, and a command that ran into its limits are recorded as such."""
    found = run_command(_script(tmp_path, text), file, LIMITS)
    assert found is not None
    assert (found["error"], found["output"]) == (error, None)


def test_time_ends_it_with_all_it_started(tmp_path: Path, file: Path) -> None:
    """A command that hangs is killed, and so are its children."""
    text = (
        "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); open('pid', 'w').write(str(p.pid)); time.sleep(60)"
    )
    for seconds in (2, 10, 50):  # a busy machine may take longer to start the child
        found = run_command(_script(tmp_path, text), file, CommandLimits(seconds=seconds))
        assert found is not None
        assert (found["error"], found["output"]) == ("time", None)
        if said := (file.parent / "pid").read_text() if (file.parent / "pid").exists() else "":
            break
    child = int(said)
    assert _gone(child), "what the command started runs on"


def test_a_node_that_stops_does_not_wait(tmp_path: Path, file: Path) -> None:
    """A stopped command has no opinion; it is asked again."""
    assert run_command(_script(tmp_path, "import time; time.sleep(60)"), file, LIMITS, lambda: True) is None


def test_there_is_no_such_command(file: Path) -> None:
    """A program that is missing is told apart from one that says nothing."""
    found = run_command(["hanse-no-such-scanner", "{file}"], file, LIMITS)
    assert found is not None
    assert (found["name"], found["error"]) == ("hanse-no-such-scanner", "start")
