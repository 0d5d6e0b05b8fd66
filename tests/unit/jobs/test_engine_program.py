"""The program around an engine: what it loads, how it answers each kind of request, and that errors do not end it."""

from __future__ import annotations

import ctypes
import json
import os
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


CALLER = """
import socket
class Engine:
    def observed(self, alone): return {"numerics": {}, "hardware": {"network": "own" if alone else "shared"}}
    def answer(self, said): return {"name": socket.create_connection((said["prompt"], 9), timeout=1).getpeername()}
    def peak(self): return 0
def load(said): return Engine()
"""


def test_no_network(tmp_path: Path) -> None:
    """Where the system grants a network of its own, an engine reaches nobody, and says that it had one."""
    (tmp_path / "engine.py").write_text(CALLER)
    lines = "".join(json.dumps(one) + "\n" for one in ({"model": "m"}, {"prompt": "192.0.2.1"}))
    command = [sys.executable, "-I", engine_program.__file__, str(tmp_path / "engine.py")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=60)
    loaded, asked = map(json.loads, done.stdout.splitlines())
    assert "unreachable" in asked["failed"] or loaded["hardware"]["network"] == "shared"


WRITER = """
import os
class Engine:
    def observed(self, alone): return {"numerics": {}, "hardware": {}}
    def answer(self, said):
        with open(said["file"], said["mode"]) as file: file.write("x")
        return {}
    def force(self, said): os.unlink(said["force"])
    def rank(self, said): return {"text": open(said["rank"]).read()}
    def peak(self):
        with open("large", "wb") as file: file.truncate(1 << 31)
def load(said): return Engine()
"""


def test_files_of_its_own(tmp_path: Path) -> None:
    """An engine writes in the folder it was started in, and no large files; elsewhere it reads only, where there is Landlock."""
    (tmp_path / "engine.py").write_text(WRITER)
    (tmp_path / "own").mkdir()
    kept, new = tmp_path / "kept", str(tmp_path / "new")
    kept.write_text("mine")
    asked: list[dict[str, object]] = [{"model": "m"}, {"file": "here", "mode": "w"}, {"file": os.devnull, "mode": "w"}]
    asked += [{"rank": str(kept)}, {"peak": True}, {"file": new, "mode": "w"}, {"file": str(kept), "mode": "w"}]
    asked += [{"file": str(kept), "mode": "a"}, {"force": str(kept)}]
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    command = [sys.executable, "-I", engine_program.__file__, str(tmp_path / "engine.py")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path / "own")
    loaded, here, null, read, large, *elsewhere = map(json.loads, done.stdout.splitlines())
    assert (here, null, read) == ({}, {}, {"text": "mine"})
    assert "OSError" in large["failed"]
    if loaded["hardware"]["files"] == "own":
        assert ["Permission" in one.get("failed", "") for one in elsewhere] == [True] * 4
        assert kept.read_text() == "mine"
    assert (loaded["hardware"]["files"] == "own") is landlock()


def landlock() -> bool:
    """Tell whether the system has Landlock: its version is asked for, without a rule."""
    return sys.platform == "linux" and bool(ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1) > 0)
