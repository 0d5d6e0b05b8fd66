"""`hanse evaluate --harness`, as it is typed, with a program in the place of the harness's interpreter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.openaiserver import Model, serving

from hanse.cli.main import run
from hanse.flows.evaluate.runfolder import read_run

HARNESS = """#!/usr/bin/env python3
import json, sys
def say(said):
    print(json.dumps(said), flush=True)
    return json.loads(sys.stdin.readline() or "{}")
sys.stdin.readline()
order = say({"name": "inspect", "version": "0.3.285", "code": "", "network": "own"})
samples = []
for at in range(1, 5):
    asked = f"What is {at} + 1?"
    question = {"messages": [["user", asked]], "max_tokens": 8, "temperature": 0, "top_p": 1, "stop": [], "seed": 0}
    text = say({"ask": question})["text"]
    value = "C" if text == str(at + 1) else "I"
    sample = {"id": f"s-{at}", "epoch": 1, "input": asked, "target": str(at + 1), "scores": {"match": {"value": value}}}
    sample["output"] = {"choices": [{"message": {"role": "assistant", "content": text}, "stop_reason": "stop"}]}
    samples.append(sample)
log = {"version": 2, "status": "success", "eval": {"task": "sums", "model": "hanse/m", "packages": {"inspect_ai": "0.3.285"}}}
with open(order["to"] + "/log.json", "w") as file:
    json.dump(log | {"plan": {"config": {}}, "stats": {}, "samples": samples}, file)
say({"log": order["to"] + "/log.json"})
"""
NAMED = ("--harness", "inspect")


@pytest.fixture(name="program")
def _program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    path = tmp_path / "python"
    path.write_text(HARNESS)
    path.chmod(0o755)
    return str(path)


def test_a_task_is_driven_twice(tmp_path: Path, program: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A driven run is made, says whose scores it has, and a second one of the same task is laid beside it."""
    driven = ["--harness", "inspect", "--task", "sums", "--harness-python", program]
    with serving(Model(wrong=0.0)) as url:
        model = ["--api", url, "--model", "adder"]
        assert run(["evaluate", *model, *driven, "--to", str(tmp_path / "a"), "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert (record["score"]["n"], record["gaps"][0], record["model"]["weights"]) == (4, "driven", "claimed")
        again = ["reproduce", str(tmp_path / "a"), "--level", "V3", "--to", str(tmp_path / "b"), *model]
        assert run(again) == 1
        assert "--harness inspect --task sums" in capsys.readouterr().err
        assert run([*again, *driven]) == 3  # four items decide nothing
        assert "items that agree: 1.0000 of 4" in capsys.readouterr().out
    assert read_run(tmp_path / "b").suite.digest == read_run(tmp_path / "a").suite.digest
    assert run(["reproduce", str(tmp_path / "a")]) == 1
    assert "does not have" in capsys.readouterr().err


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--harness", "inspect"],
        ["--harness", "inspect", "--task", "x", "--limit", "-1"],
        ["--harness", "inspect", "--suite", "x"],
    ],
)
def test_what_is_run_must_be_said(tmp_path: Path, program: str, more: list[str]) -> None:
    """Neither suite nor harness, both, or a harness without a task are refused before anything is started."""
    model = ["--api", "http://127.0.0.1:9/v1", "--model", "m", "--harness-python", program]
    assert run(["evaluate", *model, *more, "--to", str(tmp_path / "a")]) == 2
    assert not (tmp_path / "a").exists()
