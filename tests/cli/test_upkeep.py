"""Operators' commands that check, clear up and rebuild a node, run on a node with real content."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node

from hanse.cli.main import run

PUSH = """
import sys
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("admin/m")
api.upload_file(repo_id="admin/m", path_in_repo="config.json", path_or_fileobj=b"{}")
"""
Hanse = Callable[..., tuple[int, str]]


@pytest.fixture(name="data")
def _data(mother: Mother, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a node, push one file to it over HTTP, and stop it."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    with forked_node(mother, tmp_path) as node:
        environ = node.client_env(tmp_path / "home", xet=False)
        subprocess.run([sys.executable, "-c", PUSH], env=environ, check=True, timeout=120, capture_output=True)
    return node.data


@pytest.fixture(name="hanse")
def _hanse(data: Path, capsys: pytest.CaptureFixture[str]) -> Hanse:
    """Return a function that runs `hanse admin …` and returns its exit code and what it printed."""

    def call(*arguments: str) -> tuple[int, str]:
        code = run(["admin", *arguments, "--data", str(data)])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def test_a_node_is_clean_damaged_quarantined(hanse: Hanse, data: Path) -> None:
    """A healthy node is clean; a flipped bit is found, named, and moved away only when asked."""
    code, text = hanse("fsck")
    assert (code, "0 problems" in text) == (0, True)
    assert hanse("fsck", "--deep")[0] == 0
    damaged = next(path for path in (data / "objects" / "revisions").rglob("*") if path.is_file())
    damaged.chmod(0o600)
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    code, text = hanse("fsck", "--json")
    assert code == 1
    assert damaged.name in json.dumps(json.loads(text)["problems"])
    assert damaged.exists()
    code, text = hanse("fsck", "--quarantine")
    assert (code, "moved to quarantine" in text) == (1, True)
    assert not damaged.exists()
    assert list((data / "quarantine").rglob(damaged.name))


def test_nothing_is_collected_too_early(hanse: Hanse) -> None:
    """Garbage collection leaves everything that is in use, and says what it removed."""
    code, text = hanse("gc", "--json")
    assert code == 0
    assert {key: value for key, value in json.loads(text).items() if key != "journal_objects"} == {
        "revisions": 0,
        "erased_repos": 0,
        "files": 0,
        "xorbs": 0,
        "bundles": 0,
    }
    assert hanse("fsck")[0] == 0


def test_the_catalogue_comes_back(hanse: Hanse, data: Path) -> None:
    """A rebuilt catalogue is clean; the old one is put aside, never overwritten."""
    code, text = hanse("rebuild")
    assert (code, text.startswith("Conflict: ")) == (1, True)
    code, text = hanse("rebuild", "--replace", "--json")
    facts = json.loads(text)
    assert (code, facts["repos"], facts["problems"]) == (0, 1, [])
    assert facts["token"].startswith("hf_")
    assert (data / "hanse.db.1").exists()
    assert hanse("fsck")[0] == 0
