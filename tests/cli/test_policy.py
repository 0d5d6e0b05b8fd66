"""`hanse policy`: what is printed, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.founders import NOW, Founder, changed

from hanse.cli.main import run
from hanse.flows.federation.change import Change, begin
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.federation.seen import FOLDER
from hanse.model.repo import Origin
from hanse.policy.parse import parse_policy
from hanse.policy.presets import PRESETS


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", PRESETS)
def test_show_prints_a_policy(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is a policy file: the preset itself."""
    assert run(["policy", "show", name]) == 0
    assert parse_policy(capsys.readouterr().out) == PRESETS[name]
    assert run(["policy", "show", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == f"preset {name}"


def test_show_what_is_in_use(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name it is the policy that would be applied; one that cannot be used is an error."""
    assert run(["policy", "show"]) == 0
    assert 'name = "open"' in capsys.readouterr().out
    (home / "policy.toml").write_text("nonsense")
    assert run(["policy", "show"]) == 1
    assert "refuses everything" in capsys.readouterr().err


def test_show_says_which_federation_it_is_from(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever trusts a federation sees its policy in full, and can name it."""
    who = Founder(Origin("member.example"))
    made = begin(Origin("models.example"), who.member, who.own, NOW)
    FederationFiles(home / FOLDER).keep(changed(made, Change(policy="policy = 1\nbase = 'careful'\n"), who))
    for name in ([], ["federation:models.example"]):
        assert run(["policy", "show", *name]) == 0
        out = capsys.readouterr().out
        assert out.startswith("# From: federation models.example, version 2\n")
        assert parse_policy(out).base == "careful"
    assert run(["policy", "list"]) == 0
    out = capsys.readouterr().out
    assert "federation:models.example" in out
    assert "in use: federation models.example, version 2" in out


def test_check(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A usable file exits with 0 and its warnings; another with 1 and all that is wrong with it."""
    file = home / "p.toml"
    file.write_text("policy = 1\nbase = 'careful'\n")
    assert run(["policy", "check", str(file)]) == 0
    assert "warning: witness: 1 of anyone" in capsys.readouterr().out
    assert run(["policy", "check", str(file), "--json", "--faulty", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["usable"]
    file.write_text("policy = 1\nbase = 'careful'\n[signer]\nx = 1\n[scan]\nerror = 'no'\n")
    assert run(["policy", "check", str(file)]) == 1
    told = capsys.readouterr()
    assert told.err.count("wrong: ") == 2
    assert run(["policy", "check", str(file), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2
    assert run(["policy", "check", str(home / "gone")]) == 1


def test_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Presets and files are listed, and which one is in use."""
    (home / "policies").mkdir()
    (home / "policies" / "lab.toml").write_text("policy = 1\nbase = 'open'\n")
    assert run(["policy", "list"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in (*PRESETS, "lab", "in use: preset open"))
    assert run(["policy", "list", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["policies"]] == [*PRESETS, "lab"]
