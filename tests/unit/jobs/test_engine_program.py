"""The program around an engine: what it loads, how it answers each kind of request, and that errors do not end it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hanse.jobs import engine_program

ENGINE = """
class Engine:
    def observed(self, alone): return {"numerics": {"alone": str(alone)}, "hardware": {}}
    def answer(self, said): return {"answered": said["prompt"]}
    def force(self, said): return {"gaps": [0.0 for _ in said["force"]]}
    def rank(self, said): raise ValueError("too long")
    def peak(self): return 7
def load(said):
    print("noise of a library")
    return Engine()
"""


def test_each_kind_of_request(tmp_path: Path) -> None:
    """Requests are told apart, an error is an answer, and what a library prints is none."""
    (tmp_path / "engine.py").write_text(ENGINE)
    asked = [{"model": "m"}, {"prompt": "hello"}, {"force": [1, 2]}, {"rank": ["a"]}, {"peak": True}]
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    command = [sys.executable, "-I", engine_program.__file__, str(tmp_path / "engine.py")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=60)
    loaded, answered, forced, ranked, peak = map(json.loads, done.stdout.splitlines())
    assert loaded["numerics"]["alone"] in {"True", "False"}
    assert answered == {"answered": "hello"}
    assert forced == {"gaps": [0.0, 0.0]}
    assert ranked == {"failed": "ValueError: too long"}
    assert peak["device"] == 7
    assert peak["host"] > 2**20
    assert "noise" in done.stderr
