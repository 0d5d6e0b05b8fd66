"""A harness in its own process: its questions are answered, its log is where it was told, and hostile ones are ended."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hanse.errors import BadFormat, Busy, EngineFailed, InputError
from hanse.evals.engine import Answer
from hanse.evals.harness import Question
from hanse.evals.itemtable import Status
from hanse.jobs.harness import Harness, HarnessOrder

PROGRAM = """#!/usr/bin/env python3
import json, os, sys
def say(said):
    print(json.dumps(said), flush=True)
    return json.loads(sys.stdin.readline() or "{}")
sys.stdin.readline()
order = say({"name": "lm-eval", "version": "1", "code": "", "network": "own"})
QUESTION = {"prompt": "1+1=", "max_tokens": 4, "temperature": 0, "top_p": 1, "stop": [], "seed": 0}
DOES
"""
WRITES = """
heard = say({"ask": QUESTION})
with open(order["to"] + "/log.json", "w") as file:
    json.dump({"heard": heard, "order": order, "offline": os.environ["HF_HUB_OFFLINE"]}, file)
say({"log": order["to"] + "/log.json"})
"""


def program(folder: Path, does: str) -> str:
    """Return an interpreter that is a harness."""
    path = folder / "python"
    path.write_text(PROGRAM.replace("DOES", does))
    path.chmod(0o755)
    return str(path)


def _two(question: Question) -> Answer:
    assert question.item.messages == (("user", "1+1="),)
    return Answer(Status.TRUNCATED, "2", "", count=1)


def _run(folder: Path, does: str, name: str = "lm-eval") -> Path:
    (folder / "to").mkdir(exist_ok=True)
    one = Harness(name, program(folder, does))
    try:
        return one.run(HarnessOrder("sums", "m", folder / "to"), _two)
    finally:
        one.close()


def test_questions_are_answered(tmp_path: Path) -> None:
    """It is told what to run, hears an answer to its question, is offline, and its log is found."""
    found = json.loads(_run(tmp_path, WRITES).read_text())
    assert found["heard"] == {"text": "2", "count": 1, "ended": "truncated"}
    assert (found["order"]["task"], found["order"]["model"], found["offline"]) == ("sums", "m", "1")


def test_a_file_of_tasks(tmp_path: Path) -> None:
    """A task in a file is run in the file's folder, so that what it names beside itself is found."""
    (tmp_path / "sums.py").touch()
    said = HarnessOrder(f"{tmp_path / 'sums.py'}@one", "m", tmp_path, 3).said()
    assert (said["folder"], said["task"], said["limit"]) == (str(tmp_path), f"{tmp_path / 'sums.py'}@one", 3)


@pytest.mark.parametrize(
    "does",
    [
        "say({'failed': 'no such task'})",
        "say({'log': '/etc/passwd'})",
        "say({'log': order['to'] + '/none'})",
        "say({'log': 7})",
        "print('[]', flush=True); sys.stdin.readline()",
        "sys.exit('broken')",
    ],
)
def test_what_cannot_go_on(tmp_path: Path, does: str) -> None:
    """A harness that fails, or names a log that is not in its folder, is ended."""
    with pytest.raises(EngineFailed):
        _run(tmp_path, does)


@pytest.mark.parametrize("question", ["{'prompt': 7}", "[]"])
def test_what_nobody_can_answer(tmp_path: Path, question: str) -> None:
    """A question that is none ends the run."""
    with pytest.raises(BadFormat):
        _run(tmp_path, f"say({{'ask': {question}}})")


def test_errors_of_the_engine_are_heard(tmp_path: Path) -> None:
    """An item that the model refuses is an error to the harness, which decides what that means."""
    (tmp_path / "to").mkdir()
    one = Harness("lm-eval", program(tmp_path, WRITES))
    path = one.run(HarnessOrder("sums", "m", tmp_path / "to"), lambda _: Answer(Status.MODEL_ERROR, "", "", says="too long"))
    one.close()
    assert json.loads(path.read_text())["heard"] == {"failed": "too long"}


def test_stopped(tmp_path: Path) -> None:
    """A harness that thinks can be stopped, and is gone."""
    (tmp_path / "to").mkdir()
    one = Harness("lm-eval", program(tmp_path, "import time; time.sleep(600)"))
    with pytest.raises(Busy):
        one.run(HarnessOrder("sums", "m", tmp_path / "to"), _two, lambda: True)
    one.close()
    with pytest.raises(ProcessLookupError):
        os.kill(one.pid, 0)


def test_one_that_is_not_there(tmp_path: Path) -> None:
    """A harness that is not known, or that the interpreter does not have, is named with what helps."""
    with pytest.raises(InputError, match="no harness"):
        Harness("other")
    path = tmp_path / "python"
    path.write_text('#!/bin/sh\nread line\necho \'{"failed": "PackageNotFoundError: lm-eval"}\'\nread line\n')
    path.chmod(0o755)
    with pytest.raises(InputError, match="cannot be driven") as caught:
        Harness("lm-eval", str(path))
    assert "--harness-python" in caught.value.hint
