"""The tools: our scanner and scorer as they are, others as commands that are heard by their exit code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.support.labelled import write_corpus

from hanse.errors import InputError
from hanse.evals.toolrecord import Outcome
from hanse.flows.vetting.corpus import read_corpus
from hanse.flows.vetting.tools import Tool, command, own_scanner, refusal_scorer
from hanse.jobs.external import CommandLimits


def _said(tool: Tool, folder: Path) -> dict[str, str]:
    return {item.id: outcome.value for item, outcome in tool.ask(read_corpus(folder))}


def test_own_scanner(tmp_path: Path) -> None:
    """What would run a command is flagged, plain data passed."""
    found = _said(own_scanner(), write_corpus(tmp_path))
    assert [found[f"bad/{n}.pkl"] for n in range(3)] == ["flagged"] * 3
    assert [found[f"good/{n}.pkl"] for n in range(3)] == ["passed"] * 3


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("0", Outcome.PASSED), ("1", Outcome.FLAGGED), ("2", Outcome.UNDECIDED), ("'x'*9", Outcome.FLAGGED)],
)
def test_commands_are_heard_by_their_exit_code(tmp_path: Path, code: str, outcome: Outcome) -> None:
    """0 passed, 1 flagged, anything else undecided; the command sees the file under its name and nothing else."""
    folder = write_corpus(tmp_path, {"a/model.pkl": (b"x", "benign")})
    check = f"import os, sys; assert os.listdir('.') == ['model.pkl'] == sys.argv[1:] or sys.exit(9); sys.exit({code})"
    tool = command("mine", [sys.executable, "-S", "-c", check, "{file}"], "1")
    assert _said(tool, folder) == {"a/model.pkl": outcome.value}


def test_a_command_that_hangs_is_undecided(tmp_path: Path) -> None:
    """A scanner that does not end in time has said nothing."""
    folder = write_corpus(tmp_path, {"model.pkl": (b"x", "benign")})
    tool = command("mine", [sys.executable, "-S", "-c", "import time; time.sleep(60)", "{file}"], "1", CommandLimits(seconds=1))
    assert _said(tool, folder) == {"model.pkl": "undecided"}


def test_a_missing_program_is_told(tmp_path: Path) -> None:
    """A tool that is not there gets no record."""
    with pytest.raises(InputError, match="no program"):
        _said(command("mine", ["no-such-program", "{file}"], "1"), write_corpus(tmp_path))


def test_refusals(tmp_path: Path) -> None:
    """The scorer flags refusals; what is no text is undecided."""
    files = {"a.txt": (b"I'm sorry, but I can't help with that.", "refusal"), "b.txt": (b"Here is how.", "answer")}
    found = _said(refusal_scorer(), write_corpus(tmp_path, files | {"c.txt": (b"\xff", "answer")}))
    assert found == {"a.txt": "flagged", "b.txt": "passed", "c.txt": "undecided"}
