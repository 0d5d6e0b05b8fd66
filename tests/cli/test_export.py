"""`hanse export`, `hanse verify` of an export, `hanse import`: from one machine to another that has no network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.services.clients import client_hf
from tests.support.forked import ForkedNode, Mother, forked_node
from tests.support.leaving import WEIGHTS, a_node, fill
from tests.support.members import Person
from tests.support.settled import until_signed

from hanse.cli.main import run


@pytest.fixture(name="data")
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the data folder of a node with two settled revisions, for somebody with an empty HANSE_HOME."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HANSE_SCAN", "off")
    with a_node(tmp_path / "node") as node:
        fill(node)
    return tmp_path / "node"


def test_there_and_back(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder or an archive is written, verified, and taken in; what was altered is told with exit code 1."""
    where = ["--data", str(data)]
    assert run(["export", "--all", "--to", str(tmp_path / "out"), "--json", *where]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["public"], len(told["repos"][0]["revs"]), told["left_out"]) == (True, 2, [])
    assert run(["export", "alice/m", "--to", str(tmp_path / "out.tar"), *where]) == 0
    assert "1 repository, 2 revisions" in capsys.readouterr().out
    for name in ("out", "out.tar"):
        assert run(["verify", str(tmp_path / name)]) == 0
        assert "verified: export of lab.example.org" in capsys.readouterr().out
    with a_node(tmp_path / "air", "air.example.org"):
        pass
    assert run(["import", str(tmp_path / "out.tar"), "--data", str(tmp_path / "air")]) == 0
    text = capsys.readouterr().out
    assert "refs/heads/main: 4 files" in text
    assert "here as alice/m\n" in text
    assert "--log" in text
    (tmp_path / "out" / "hanse.json").write_text("{}")
    assert run(["verify", str(tmp_path / "out"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["verified"], "hanse.json" in told["failed"][-1]) == (False, True)
    next((tmp_path / "out" / "evidence/models/alice/m").iterdir()).write_text("{}")
    assert run(["import", str(tmp_path / "out"), "--json", "--data", str(tmp_path / "air")]) == 1
    first, last = map(json.loads, capsys.readouterr().out.splitlines()[-2:])
    assert {first.get("address"), last.get("address")} == {"alice/m", None}
    assert "error" in first | last


def test_what_is_not_public(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What not everybody may read leaves only on purpose, apart; what is to be exported has to be said."""
    where = ["--data", str(data)]
    assert run(["export", "--to", str(tmp_path / "out"), *where]) == 2
    assert run(["export", "alice/m", "--to", str(tmp_path / "out"), "--non-public-to", str(tmp_path / "x"), *where]) == 2
    assert run(["export", "--all", "--to", str(tmp_path / "out"), "--non-public-to", str(tmp_path / "x.tar"), *where]) == 0
    assert "x.tar: NOT PUBLIC, 0 repositories" in capsys.readouterr().out
    assert (tmp_path / "x.tar").stat().st_mode & 0o777 == 0o600


def test_a_model_that_looks_like_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files of an export is no model, and fails; nothing that is no export is taken for one."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))
    (tmp_path / "model" / "log").mkdir(parents=True)
    (tmp_path / "model" / "hanse.json").write_text("{}")
    assert run(["verify", str(tmp_path / "model")]) == 1
    (tmp_path / "file").write_text("no archive")
    assert run(["verify", str(tmp_path / "file")]) == 1


@pytest.fixture(name="home_node")
def _home_node(mother: Mother, tmp_path: Path) -> Iterator[ForkedNode]:
    (tmp_path / "lab").mkdir()
    with forked_node(mother, tmp_path / "lab", environ={"HANSE_SETTLE_SECONDS": "1", "HANSE_ORIGIN": "lab.example.org"}) as node:
        yield node


@pytest.mark.soak
def test_real_clients(home_node: ForkedNode, mother: Mother, tmp_path: Path) -> None:
    """What `hf upload` published here, `hf download` and `hanse pull` get, verified, from a node that only had the archive."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text("{}")
    (source / "blob.dat").write_bytes(WEIGHTS)
    hf = str(client_hf("hub2"))
    operator = Person(mother, tmp_path / "operator")
    operator.hanse("admin", "user", "add", "ada", "--data", str(home_node.data))
    made = operator.hanse("admin", "token", "create", "ada", "--data", str(home_node.data))
    token = next(word for word in made.split() if word.startswith("hf_"))
    environ = home_node.client_env(tmp_path / "author", token=token)
    subprocess.run([hf, "upload", "ada/m", str(source), "."], env=environ, check=True, capture_output=True, timeout=120)
    until_signed(home_node, "ada/m", token=token)
    operator.hanse("export", "--all", "--to", str(tmp_path / "out.tar"), "--data", str(home_node.data))
    told = json.loads(operator.hanse("verify", str(tmp_path / "out.tar"), "--json"))
    assert (told["verified"], told["leftOut"]) == (True, [])
    words = operator.hanse("witness", "key", "--data", str(home_node.data)).split()
    key = next(word for word in words if word.startswith("lab.example.org+"))
    home_node.stop()
    (tmp_path / "air").mkdir()
    with forked_node(mother, tmp_path / "air", environ={"HANSE_ORIGIN": "air.example.org"}) as node:
        far = Person(mother, tmp_path / "far")
        far.hanse("import", str(tmp_path / "out.tar"), "--log", key, "--data", str(node.data))
        environ = node.client_env(tmp_path / "reader")
        command = [hf, "download", "ada/m", "--local-dir", str(tmp_path / "got")]
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=120)
        assert (tmp_path / "got" / "blob.dat").read_bytes() == WEIGHTS
        reader = Person(mother, tmp_path / "pulling")
        told = json.loads(
            reader.hanse("pull", "ada/m", "--node", node.url, "--upstream", "none", "--to", str(tmp_path / "p"), "--json")
        )
        assert told["receipt"]["rung"] == "agreed"
        assert (tmp_path / "p" / "blob.dat").read_bytes() == WEIGHTS
        reader.hanse("verify", str(tmp_path / "p"))
