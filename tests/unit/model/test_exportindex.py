"""The index of an export: one form, bounds, and no path out of the layout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hanse.errors import BadFormat, HanseError, TooLarge
from hanse.model import exportindex
from hanse.model.digest import GitOid, Sha256
from hanse.model.exportindex import (
    ExportedRepo,
    ExportIndex,
    NotExported,
    encode_sums,
    is_named,
    parse_export_index,
    parse_sums,
)
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.model.staticlayout import StaticPath

REPO = RepoId(Origin("lab.example.org"), RepoType.MODEL, "Alice", "M")
DATA = RepoId(Origin("huggingface.co"), RepoType.DATASET, "org", "d")
REV = GitOid("a" * 40)
INDEX = ExportIndex(
    Origin("lab.example.org"),
    1_800_000_000,
    public=True,
    files=3,
    size=100,
    sums=Sha256("b" * 64),
    repos=(ExportedRepo(REPO, (REV,)), ExportedRepo(DATA, (REV,), apart=True)),
    left_out=(NotExported(DATA, None, "gated"), NotExported(REPO, REV, "not signed")),
)


def test_the_index_comes_back() -> None:
    """What is written is what is read."""
    assert parse_export_index(INDEX.encode()) == INDEX


def test_where_files_are() -> None:
    """A repository that the plain name does not mean has its files below its origin."""
    near, apart = INDEX.repos
    assert near.evidence(REV) == f"evidence/models/alice/m/{REV}.jsonl"
    assert near.listing(REV) == f"listing/models/alice/m/{REV}.json"
    assert near.refs() == "refs/models/alice/m.json"
    assert apart.listing(REV) == f"o/huggingface.co/listing/datasets/org/d/{REV}.json"
    assert apart.evidence(REV).startswith("o/huggingface.co/evidence/datasets/org/d/")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "hanse-export/2"},
        {"files": -1},
        {"time": "now"},
        {"public": 1},
        {"sums": "x"},
        {"origin": "../.."},
        {"repos": {}},
        {"repos": [1]},
        {"repos": [{"origin": "a", "type": "model", "repo": "a/b", "apart": False, "revs": ["x"]}]},
        {"repos": [{"origin": "a", "type": "model", "repo": "../b", "apart": False, "revs": []}]},
        {"repos": [{"origin": "a", "type": "model", "repo": "a/b", "apart": False, "revs": ["a" * 40] * 2}]},
        {"repos": [{"origin": "a", "type": "model", "repo": "a/b", "apart": False, "revs": []}] * 2},
        {"leftOut": 1},
    ],
)
def test_what_is_no_index(change: dict[str, Any]) -> None:
    """Another format, numbers that are none, names that lead elsewhere, and things listed twice raise."""
    told = json.loads(INDEX.encode()) | change
    with pytest.raises(HanseError):
        parse_export_index(json.dumps(told).encode())


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """More repositories or revisions than are read are not written."""
    monkeypatch.setattr(exportindex, "MAX_REPOS", 1)
    with pytest.raises(TooLarge):
        INDEX.encode()
    with pytest.raises(HanseError):
        parse_export_index(json.dumps(json.loads(b"{}") | json.loads(_plain())).encode())


def _plain() -> bytes:
    repos = [{"origin": "a", "type": "model", "repo": f"a/{n}", "apart": False, "revs": []} for n in range(2)]
    told = {"format": "hanse-export/1", "origin": "a", "time": 1, "public": True, "files": 1, "bytes": 1}
    return json.dumps(told | {"sums": "b" * 64, "repos": repos, "leftOut": []}).encode()


def test_digests_as_other_tools_check_them(tmp_path: Path) -> None:
    """`sha256sum -c` reads what is written."""
    (tmp_path / "a").write_bytes(b"")
    empty = Sha256("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    (tmp_path / "SHA256SUMS").write_bytes(encode_sums({StaticPath("a"): empty}))
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)
    assert parse_sums([f"{empty}  a"]) == {"a": empty}


@pytest.mark.parametrize(
    "line", ["", "x", f"{'a' * 64} a", f"{'a' * 64}  ../a", f"{'a' * 64}  /a", f"{'a' * 64}  a/../b", f"{'a' * 64}  export.json"]
)
def test_lines_that_lead_elsewhere(line: str) -> None:
    """A line of another form, or with a path out of the export, raises; so does a path that is there twice."""
    with pytest.raises(BadFormat):
        parse_sums([line])
    with pytest.raises(BadFormat):
        parse_sums([f"{'a' * 64}  a"] * 2)


def test_too_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of files is bounded, written and read."""
    monkeypatch.setattr(exportindex, "MAX_FILES", 1)
    with pytest.raises(TooLarge):
        encode_sums({StaticPath("a"): Sha256("a" * 64), StaticPath("b"): Sha256("a" * 64)})
    with pytest.raises(TooLarge):
        parse_sums([f"{'a' * 64}  a", f"{'a' * 64}  b"])


def test_names_of_repositories() -> None:
    """A repository is named with or without its origin, a data set by its kind."""
    assert is_named(REPO, "alice/m")
    assert is_named(REPO, "models/ALICE/M")
    assert is_named(DATA, "datasets/huggingface.co/org/d")
    assert not is_named(DATA, "org/d")
