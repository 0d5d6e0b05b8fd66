"""The program that a harness runs in, with a harness that is four lines long."""

from __future__ import annotations

from pathlib import Path

import pytest

import hanse.jobs.harness_program as program
from hanse.errors import EngineFailed
from hanse.evals.engine import Answer
from hanse.evals.itemtable import Status
from hanse.jobs import harness
from hanse.jobs.harness import Harness, HarnessOrder

PART = """
import os, pathlib, socket
PACKAGE = ("inspect", "PACKAGE")
def run(order, ask):
    DOES
"""
SUMS = """print("noise"); said = ask({"prompt": "1+1=", "max_tokens": 4, "temperature": 0, "top_p": 1, "stop": [], "seed": 0})
    path = pathlib.Path(order["to"]) / "log"
    path.write_text(said["text"] + " " + os.getcwd())
    return path"""


def _harness(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str, package: str = "msgspec") -> Harness:
    part = folder / "part.py"
    part.write_text(PART.replace("DOES", does).replace('PACKAGE")', f'{package}")'))
    monkeypatch.setattr(harness, "PROGRAMS", {"inspect": str(part)})
    return Harness("inspect")


def test_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It describes its package by version and code, asks, and says where its log is; what it prints disturbs nobody."""
    one = _harness(tmp_path, monkeypatch, SUMS)
    assert len(one.describe().code) == 64
    path = one.run(HarnessOrder("x", "m", tmp_path), lambda _: Answer(Status.OK, "2", "", count=1))
    one.close()
    assert path.read_text() == f"2 {Path.cwd()}"


@pytest.mark.parametrize("does", ["raise SystemExit(3)", "raise ValueError('no task')", SUMS])
def test_a_harness_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Whatever a harness raises is told; an item without an answer is an error to it."""
    one = _harness(tmp_path, monkeypatch, does)
    with pytest.raises(EngineFailed):
        one.run(HarnessOrder("x", "m", tmp_path), lambda _: Answer(Status.MODEL_ERROR, "", "", says="too long"))
    one.close()


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system grants a network of its own, a harness reaches nobody."""
    one = _harness(tmp_path, monkeypatch, "socket.create_connection(('192.0.2.1', 9), timeout=1)")
    alone = one.alone
    with pytest.raises(EngineFailed) as caught:
        one.run(HarnessOrder("x", "m", tmp_path), lambda _: Answer(Status.OK, "", ""))
    one.close()
    assert ("unreachable" in caught.value.message) or not alone


def test_description() -> None:
    """The digest of a package's code is over the digests of its files, without those that an installation compiles."""
    said = program.described("lm-eval", "msgspec")
    assert said == program.described("lm-eval", "msgspec")
    assert (said["name"], len(said["code"])) == ("lm-eval", 64)
