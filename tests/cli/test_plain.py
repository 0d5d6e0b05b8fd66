"""The command line of `hanse run` is read alike with and without the command line's library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.cli import run as run_module
from hanse.cli.commands import app
from hanse.cli.plain import RunOptions, parse_run

_WORDS = st.sampled_from(
    ["a", "http://a:1", "x y", "--", "-c", "--policy", "--node", "ü", "a=b", "open.toml", "--json", "", "12"]
)
_FLAGS = st.sampled_from(["--policy", "--node", "--upstream", "--offline", "--store", "--cache-size", "--json", "--else", "-h"])
_LINES = st.tuples(st.lists(st.tuples(_FLAGS, _WORDS), max_size=4), st.lists(_WORDS, max_size=4))


def _by_library(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> RunOptions:
    found: list[RunOptions] = []

    def taking(told: RunOptions) -> int:
        found.append(told)
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "run_program", taking)
        app(arguments)
    return found[0]


def _line(flags: list[tuple[str, str]], command: list[str]) -> list[str]:
    told = [word for name, value in flags for word in ([name] if name == "--offline" else [name, value])]
    return ["run", *told, "--", *command]


@settings(max_examples=25)
@given(line=_LINES)
def test_both_read_the_same(line: Any) -> None:
    """Whatever is read without the library means what it means with it; all else is left to the library."""
    arguments = _line(*line)
    plain = parse_run(arguments)
    if plain is not None:
        with pytest.MonkeyPatch.context() as monkeypatch:
            assert _by_library(monkeypatch, arguments) == plain


def test_what_is_written_nearly_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """All flags, with hyphens in the program's own arguments, are read without the library."""
    flags = ["--policy", "strict", "--node", "http://a", "--node", "http://b", "--upstream", "none", "--offline"]
    flags += ["--store", "s", "--cache-size", "200 GiB", "--json", "j"]
    arguments = ["run", *flags, "--", "python", "-c", "pass", "--", "--offline"]
    told = RunOptions(
        ("python", "-c", "pass", "--", "--offline"),
        "strict",
        ("http://a", "http://b"),
        "none",
        True,
        Path("s"),
        "200 GiB",
        Path("j"),
    )
    assert parse_run(arguments) == told == _by_library(monkeypatch, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["pull", "--", "a"],
        ["run", "--"],
        ["run", "python"],
        ["run", "--help", "--", "a"],
        ["run", "--policy=open", "--", "a"],
        ["run", "--policy", "--", "a"],
        ["run", "--offline", "--offline", "--", "a"],
        ["run", "--policy", "a", "--policy", "b", "--", "a"],
        ["run", "python", "--", "a"],
    ],
)
def test_the_rest_is_left_to_the_library(arguments: list[str]) -> None:
    """Nothing is guessed: help, errors and other ways of writing are the library's."""
    assert parse_run(arguments) is None


_EARLY = """
import subprocess, sys
from hanse.cli.main import run
def stop(*_, **__):
    sys.exit(", ".join({"cyclopts", "hanse.policy.rules", "uvicorn", "tempfile"} & set(sys.modules)) or 0)
subprocess.Popen.__init__ = stop
run(["run", "--offline", "--", "true"])
sys.exit("no program was started")
"""


def test_the_library_is_not_loaded(tmp_path: Path) -> None:
    """A program starts before the command line's library, policies or anything that serves is loaded."""
    environ = {**os.environ, "HANSE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", _EARLY], capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stderr
