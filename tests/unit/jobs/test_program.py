"""A program that speaks JSON lines: it is asked, stopped, and gone at the end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from hanse.errors import Busy, EngineFailed, InputError
from hanse.jobs.program import LineProgram

ECHO = """import json, os, sys
for line in sys.stdin:
    print(json.dumps({"said": json.loads(line), "env": dict(os.environ)}), flush=True)
"""


def _program(folder: Path, text: str) -> LineProgram:
    path = folder / "program.py"
    path.write_text(text)
    return LineProgram((path,), threads=3, environment={"MORE": "1"})


def test_an_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hears what is said and answers; of this program's environment it has a search path alone."""
    monkeypatch.setenv("HANSE_SECRET", "secret")
    one = _program(tmp_path, ECHO)
    try:
        found = one.exchange({"a": 1}, 60)
    finally:
        one.close()
    assert found["said"] == {"a": 1}
    assert "HANSE_SECRET" not in found["env"]
    assert (found["env"]["OMP_NUM_THREADS"], found["env"]["MORE"]) == ("3", "1")
    assert not Path(found["env"]["HOME"]).exists()


def test_stopped_while_it_thinks(tmp_path: Path) -> None:
    """Who waits can be told to stop, and need not wait for the end of time."""
    one = _program(tmp_path, "import sys, time\nsys.stdin.readline()\ntime.sleep(600)")
    before = time.monotonic()
    try:
        with pytest.raises(Busy):
            one.exchange({}, 600, lambda: True)
    finally:
        one.close()
    assert time.monotonic() - before < 60
    with pytest.raises(ProcessLookupError):
        os.kill(one.pid, 0)


def test_what_it_wrote_last_is_told(tmp_path: Path) -> None:
    """A program that ends says why in the error, and what it started ends with it."""
    one = _program(tmp_path, "import sys\nsys.exit('no such task')")
    with pytest.raises(EngineFailed, match="no such task"):
        one.exchange({}, 60)
    with pytest.raises(ProcessLookupError):
        os.kill(one.pid, signal.SIG_DFL)


def test_no_interpreter(tmp_path: Path) -> None:
    """An interpreter that is not there is the caller's fault."""
    with pytest.raises(InputError, match="cannot start"):
        LineProgram((tmp_path / "x.py",), str(tmp_path / "python"))
