"""`hanse cache`: what is held, what is kept, and making room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.held import hold, sha256_of

from hanse.cli.main import run
from hanse.flows.pull.known import Known, KnownRevision
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.store.held import Held

LABEL = "hub.example/org/name@" + "a" * 40


@pytest.fixture(name="store")
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a store with two files, one of a revision, that were not used for a while."""
    monkeypatch.setenv("HANSE_STORE", str(tmp_path / "held"))
    with Held.open(tmp_path / "held", clock=lambda: 1000.0) as held:
        hold(held, b"a" * 1000)
        hold(held, b"b" * 2000)
        held.use(LABEL, "a.bin", sha256_of(b"a" * 1000))
    return tmp_path / "held"


def test_list(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Revisions are listed with size and pin, for people and as one object; a file in two places is one file."""
    (tmp_path / "copy").write_bytes(b"a" * 1000)
    with Held.open(store) as held:
        held.adopt(tmp_path / "copy", sha256_of(b"a" * 1000), None, None, 1000)
    assert run(["cache", "list"]) == 0
    out = capsys.readouterr().out
    assert f"1.0 kB      1 files  {LABEL}" in out
    assert "3.0 kB in" in out
    assert run(["cache", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bytes"] == 3000
    assert {one["bytes"]: one["revisions"] for one in found["files"] if not one["adopted"]} == {1000: [LABEL], 2000: []}


@pytest.mark.parametrize("name", [LABEL, "org/name", "org/name@" + "a" * 40])
def test_pinned_files_stay(store: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A revision is pinned by its name or the end of it, and stays when room is made, until it is unpinned."""
    assert run(["cache", "pin", name]) == 0
    assert capsys.readouterr().out == f"pinned: {LABEL}\n"
    assert run(["cache", "prune", "--cache-size", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == 2000
    assert run(["cache", "prune", "--cache-size", "0"]) == 0
    assert "1.0 kB stay: pinned" in capsys.readouterr().out
    assert run(["cache", "unpin", name]) == 0
    capsys.readouterr()
    assert run(["cache", "prune", "--cache-size", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == 1000


def test_names_that_mean_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is not held cannot be pinned, one that is not pinned cannot be unpinned, and both say what there is."""
    assert run(["cache", "pin", "org/other"]) == 1
    assert "hanse cache list" in capsys.readouterr().err
    assert run(["cache", "unpin", "org/name"]) == 1
    assert "pinned: nothing" in capsys.readouterr().err


def test_a_name_that_means_two(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a name means several revisions they are named."""
    with Held.open(store) as held:
        held.use(LABEL.replace("a" * 40, "b" * 40), "a.bin", sha256_of(b"a" * 1000))
    assert run(["cache", "pin", "org/name"]) == 1
    assert "several revisions" in capsys.readouterr().err


def test_verify(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged file is removed with exit code 1, once."""
    path = store / "files" / sha256_of(b"a" * 1000)[:2] / sha256_of(b"a" * 1000)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"x")
    assert run(["cache", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"good": 1, "removed": [str(path)]}
    assert run(["cache", "verify"]) == 0
    assert "1 files are what they were" in capsys.readouterr().out


def test_a_size_that_is_none(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit that is no size is refused before anything is removed."""
    assert run(["cache", "prune", "--cache-size", "much"]) == 1
    assert "size" in capsys.readouterr().err


def test_forgetting(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was pinned at first use goes by the name that a refusal says; files stay."""
    repo = RepoId(Origin("hub.example"), RepoType.MODEL, "org", "name")
    with Held.open(store) as held:
        Known(held).keep_revision(KnownRevision(repo, GitOid("a" * 40), {}, None))
    assert run(["cache", "forget", f"org/name@{'a' * 40}"]) == 0
    assert capsys.readouterr().out == f"forgotten: hub.example/model/org/name@{'a' * 40}\n"
    assert run(["cache", "forget", "org/name"]) == 1
    with Held.open(store) as held:
        assert Known(held).revision(repo, "a" * 40) is None
        assert len(held.stock().listed()) == 2
