"""An engine in its own process: answers, limits, and what happens when it dies, hangs or lies."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.openaiserver import sums

from hanse.errors import EngineFailed, InputError
from hanse.evals.engine import Ask
from hanse.evals.itemtable import Status
from hanse.evals.suite import Request
from hanse.jobs.engine import EngineLimits, LocalEngine

ASK = Ask(sums(20).items[0], 0, Request.CHAT, sums(20).decoding)
PROGRAM = """#!/usr/bin/env python3
import json, os, sys, time
numerics = {"engine": "fake", "threads": os.environ["OMP_NUM_THREADS"]}
print(json.dumps({"numerics": numerics, "hardware": {"key": os.environ.get("HANSE_API_KEY", "")}}), flush=True)
sys.stdin.readline()
for line in sys.stdin:
    DOES
"""
ANSWERS = 'print(json.dumps({"choices": [{"message": {"content": "1"}}], "__verbose": {"prompt": "<seen>"}}), flush=True)'


def program(folder: Path, does: str) -> str:
    """Return an interpreter that is an engine."""
    path = folder / "python"
    path.write_text(PROGRAM.replace("DOES", does))
    path.chmod(0o755)
    return str(path)


def test_answers_and_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it is and answers with the prompt as the model saw it; it gets no secrets, and its process ends with it."""
    monkeypatch.setenv("HANSE_API_KEY", "secret")
    engine = LocalEngine("xllamacpp", tmp_path / "m.gguf", EngineLimits(2), program(tmp_path, ANSWERS))
    assert dict(engine.observed().numerics) == {"engine": "fake", "threads": "2"}
    answer = engine.answer(ASK)
    assert (answer.text, answer.rendered) == ("1", "<seen>")
    assert dict(engine.observed().hardware) == {"key": ""}
    pid = engine.pid
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "does",
    ["sys.exit('out of memory')", "print('{', flush=True)", "print('[]', flush=True)", "print('x' * 9_000_000, flush=True)"],
)
def test_what_cannot_go_on(tmp_path: Path, does: str) -> None:
    """An engine that ends or says nonsense fails the run, and is killed."""
    engine = LocalEngine("xllamacpp", tmp_path / "m.gguf", EngineLimits(), program(tmp_path, does))
    with pytest.raises(EngineFailed) as caught:
        engine.answer(ASK)
    assert ("out of memory" in caught.value.message) is ("exit" in does)
    with pytest.raises(ProcessLookupError):
        os.kill(engine.pid, 0)


def test_one_that_hangs_is_killed(tmp_path: Path) -> None:
    """An answer has a time limit."""
    engine = LocalEngine("xllamacpp", tmp_path / "m", EngineLimits(answer_seconds=0.2), program(tmp_path, "time.sleep(60)"))
    before = time.monotonic()
    with pytest.raises(EngineFailed, match="in time"):
        engine.answer(ASK)
    assert time.monotonic() - before < 30


def test_an_error_of_one_item(tmp_path: Path) -> None:
    """What the engine refuses is the item's error."""
    engine = LocalEngine(
        "xllamacpp", tmp_path / "m", EngineLimits(), program(tmp_path, 'print(\'{"error": "too long"}\', flush=True)')
    )
    assert engine.answer(ASK).status is Status.MODEL_ERROR
    engine.close()


def test_an_interpreter_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter is looked for where the command was typed, not where the engine runs."""
    program(tmp_path, ANSWERS)
    monkeypatch.chdir(tmp_path)
    engine = LocalEngine("xllamacpp", tmp_path / "m", EngineLimits(), "./python")
    assert engine.answer(ASK).text == "1"
    engine.close()


def test_what_is_not_there(tmp_path: Path) -> None:
    """An interpreter, an engine or a way of asking that is not there is said at once."""
    with pytest.raises(InputError, match="cannot start"):
        LocalEngine("xllamacpp", tmp_path / "m", EngineLimits(), str(tmp_path / "none"))
    with pytest.raises(InputError, match="no engine"):
        LocalEngine("other", tmp_path / "m", EngineLimits())


SAYS = """
    said = json.loads(line)
    if "force" in said: found = {"rendered": "<seen>", "gaps": [0.0, 0.5][: len(said["force"])], "text": "12"}
    elif "rank" in said: found = {"logprobs": [-2.0, -1.0]}
    elif "peak" in said: found = {"host": 5, "device": 6}
    else: found = {"choices": [{"message": {"content": "12"}}], "promptIds": [3, 4], "timings": TIMES}
    print(json.dumps(found), flush=True)
"""
TIMES = '{"prefill": [10, 500.0], "decode": [4, 1000.0]}'


def test_what_else_it_can_do(tmp_path: Path) -> None:
    """Tokens are forced, choices ranked, and what it used is added up over its answers."""
    engine = LocalEngine("xllamacpp", tmp_path / "m", EngineLimits(), program(tmp_path, SAYS.replace("TIMES", TIMES)))
    assert engine.answer(ASK).prompt_ids == (3, 4)
    engine.answer(ASK)
    forced = engine.force(ASK, [1, 2])
    assert (forced.rendered, forced.gaps, forced.text) == ("<seen>", (0.0, 0.5), "12")
    ranked = engine.answer(replace(ASK, request=Request.LOGLIKELIHOOD, item=replace(ASK.item, choices=(" yes", " no"))))
    assert (ranked.text, ranked.logprobs) == (" no", (-2.0, -1.0))
    used = engine.usage()
    assert (used.prefill, used.decode, used.first, used.host, used.device) == ((20, 1.0), (8, 2.0), (0.5, 0.5), 5, 6)
    with pytest.raises(EngineFailed, match="3 numbers"):
        engine.force(ASK, [1, 2, 3])
    engine.close()


@pytest.mark.parametrize("times", ['{"prefill": [1], "decode": 2}', '{"prefill": [-1, 1.0], "decode": [1, 1.0]}', '"NaN"'])
def test_times_that_are_none(tmp_path: Path, times: str) -> None:
    """Times that an engine makes up in another form are passed over; the answer counts."""
    engine = LocalEngine("xllamacpp", tmp_path / "m", EngineLimits(), program(tmp_path, SAYS.replace("TIMES", times)))
    assert engine.answer(ASK).text == "12"
    assert engine.usage().prefill == (0, 0.0)
    engine.close()
