"""What a place says of its files: read with bounds, believed by nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hanse.flows.found import FoundRevision, Kind, Said, is_entry, read_listing, said_by_name
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import RepoType


def test_names_of_blobs() -> None:
    """64 hex digits are a SHA-256, 40 a git blob id, anything else says nothing."""
    assert said_by_name("a" * 64) == Said(sha256=Sha256("a" * 64))
    assert said_by_name("b" * 40) == Said(git_oid=GitOid("b" * 40))
    for name in ("", "a" * 63, "A" * 64, "b" * 40 + ".incomplete"):
        assert said_by_name(name) == Said()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"format_version": 2, "files": {}}',
        '{"format_version": 1, "files": []}',
        '{"format_version": 1, "files": {"../x": {"size": 1, "blob_id": "' + "a" * 40 + '"}}}',
        '{"format_version": 1, "files": {"x": {"size": 1, "blob_id": "short"}}}',
        '{"format_version": 1, "files": {"x": 1}}',
    ],
)
def test_a_damaged_list_is_no_list(tmp_path: Path, text: str) -> None:
    """Whatever is in the file a client keeps, nothing is raised and nothing false is taken from it."""
    (tmp_path / "list.json").write_text(text)
    assert read_listing(tmp_path / "list.json") is None
    assert read_listing(tmp_path / "none.json") is None


def test_a_list(tmp_path: Path) -> None:
    """Large files are said by SHA-256, others by git blob id."""
    rows = {"a": {"size": 1, "blob_id": "a" * 40}, "b": {"size": 2, "blob_id": "b" * 40, "lfs_sha256": "c" * 64, "lfs_size": 2}}
    (tmp_path / "list.json").write_text(json.dumps({"format_version": 1, "files": rows}))
    expected = {"a": Said(git_oid=GitOid("a" * 40), size=1), "b": Said(sha256=Sha256("c" * 64), size=2)}
    assert read_listing(tmp_path / "list.json") == expected


def test_titles(tmp_path: Path) -> None:
    """People are told name and commit, or the folder where nothing names it."""
    bare = FoundRevision(Kind.FOLDER, tmp_path, None, "", None, (), {}, complete=False)
    assert bare.title == str(tmp_path)
    named = FoundRevision(Kind.HUB, tmp_path, RepoType.DATASET, "org/x", GitOid("a" * 40), (), {}, complete=False)
    assert named.title == f"datasets/org/x@{'a' * 12}"


def test_entries(tmp_path: Path) -> None:
    """A folder is an entry of a cache by its name and its snapshots."""
    for name in ("models--a--b", "datasets--a--b", "spaces--a--b", "others--a--b"):
        (tmp_path / name / "snapshots").mkdir(parents=True)
    (tmp_path / "models--c--d").mkdir()
    assert sorted(one.name for one in tmp_path.iterdir() if is_entry(one)) == ["datasets--a--b", "models--a--b", "spaces--a--b"]
