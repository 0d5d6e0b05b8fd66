"""The Hugging Face cache: links into blobs, shared blobs, refs; links that lead elsewhere are told, not followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.caches import REV, etag_of, write_cache

from hanse.flows.adopt.hub import entry_revisions, snapshot_files, snapshot_revision
from hanse.flows.found import Kind, Said
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import RepoType

DATA = b"w" * 5000


@pytest.fixture(name="entry")
def _entry(tmp_path: Path) -> Path:
    return write_cache(tmp_path, {"a.bin": DATA, "b.txt": b"b"})


def test_a_blob_says_its_digest(entry: Path) -> None:
    """Names of blobs are SHA-256 or git blob id, as whoever sent them said."""
    found = snapshot_revision(entry, REV)
    assert found.said["a.bin"] == Said(sha256=Sha256(etag_of(DATA)))
    assert found.said["b.txt"] == Said(git_oid=GitOid(etag_of(b"b")))
    assert found.links["a.bin"] == entry / "snapshots" / REV / "a.bin"


def test_shared_blobs(entry: Path) -> None:
    """A blob that entries share is found through both links, and says what its name in the entry says."""
    shared = entry.parent / "blobs" / "ab" / ("ab" * 32)
    shared.parent.mkdir(parents=True)
    blob = entry / "blobs" / etag_of(DATA)
    blob.rename(shared)
    blob.symlink_to(os.path.relpath(shared, blob.parent))
    found = snapshot_revision(entry, REV)
    assert found.files["a.bin"] == shared
    assert found.said["a.bin"].sha256 == etag_of(DATA)


def test_links_out_of_the_cache(entry: Path, tmp_path: Path) -> None:
    """A link to another entry, to a file of the system, or over a blob to somewhere else, is no file of the revision."""
    other = write_cache(tmp_path, {"c": b"c"}, repo="models--org--other")
    snapshot = entry / "snapshots" / REV
    (snapshot / "other").symlink_to(other / "blobs" / etag_of(b"c"))
    (snapshot / "system").symlink_to("/etc/hostname")
    (entry / "blobs" / "over").symlink_to("/etc/hostname")
    (snapshot / "over").symlink_to("../../blobs/over")
    (snapshot / "gone").symlink_to("../../blobs/gone")
    (snapshot / "folder").symlink_to("../../blobs")
    found = snapshot_revision(entry, REV)
    assert sorted(found.files) == ["a.bin", "b.txt"]
    assert sorted(found.odd) == ["folder", "gone", "other", "over", "system"]


@pytest.mark.parametrize("way", ["snapshots", "up", "shared"])
def test_links_that_only_look_as_if_they_stayed(entry: Path, tmp_path: Path, way: str) -> None:
    """`..` is taken from where a folder really is: where a link is on the way, a name that stays in the cache leads out of it."""
    (tmp_path / "out" / "sub").mkdir(parents=True)
    blob, link = entry / "blobs" / etag_of(DATA), entry / "snapshots" / REV / "a.bin"
    if way == "snapshots":
        (entry / "snapshots").rename(tmp_path / "out" / "snapshots")
        (entry / "snapshots").symlink_to(tmp_path / "out" / "snapshots")
    elif way == "up":
        (entry / "blobs" / "over").symlink_to(tmp_path / "out" / "sub")
        link.unlink()
        link.symlink_to(f"../../blobs/over/../{blob.name}")
    else:
        (entry.parent / "blobs" / "ab").mkdir(parents=True)
        blob.rename(entry.parent / "blobs" / "ab" / "x")
        blob.symlink_to("../../blobs/ab/x")
        (entry / "blobs").rename(tmp_path / "out" / "blobs")
        (entry / "blobs").symlink_to(tmp_path / "out" / "blobs")
    assert "a.bin" in snapshot_revision(entry, REV).odd
    assert "a.bin" in snapshot_files(entry, REV, ["a.bin"]).odd


def test_a_folder_of_a_snapshot_that_leads_out(entry: Path, tmp_path: Path) -> None:
    """One file is not looked at through a link that stands for its folder."""
    (tmp_path / "b.txt").write_bytes(b"b")
    (entry / "snapshots" / REV / "sub").symlink_to(tmp_path)
    assert snapshot_files(entry, REV, ["sub/b.txt", "b.txt"]).odd.keys() == {"sub/b.txt"}


def test_refs_and_names(tmp_path: Path) -> None:
    """Every name that points at a commit is told; names of entries give type and repository, old ones without namespace too."""
    entry = write_cache(tmp_path, {"x": b"x"}, repo="datasets--org--set")
    (entry / "refs" / "refs" / "pr").mkdir(parents=True)
    (entry / "refs" / "refs" / "pr" / "1").write_text(REV)
    (entry / "refs" / "v1").write_text("b" * 40)
    (found,) = entry_revisions(entry)
    assert (found.type, found.repo, found.refs) == (RepoType.DATASET, "org/set", ("main", "refs/pr/1"))
    (old,) = entry_revisions(write_cache(tmp_path, {"x": b"x"}, repo="models--gpt2"))
    assert old.repo == "gpt2"


def test_a_snapshot_by_another_name(tmp_path: Path) -> None:
    """A snapshot that is named by no commit id is found: clients look there for the name that they are given."""
    (found,) = entry_revisions(write_cache(tmp_path, {"x": b"x"}, rev="main"))
    assert (found.rev, found.title, set(found.files)) == (None, "org/name@main", {"x"})


def test_files_instead_of_links(tmp_path: Path) -> None:
    """Where a system has no links, clients put the files themselves into the snapshot."""
    folder = tmp_path / "models--org--name" / "snapshots" / REV
    folder.mkdir(parents=True)
    (folder / "x").write_bytes(b"x")
    found = snapshot_revision(tmp_path / "models--org--name", REV)
    assert found.files == {"x": folder / "x"}


def test_blobs_that_no_snapshot_has(entry: Path) -> None:
    """They come last, by name with what that says; what clients have not finished, and locks, are none."""
    blobs = entry / "blobs"
    assert [one.kind for one in entry_revisions(entry)] == [Kind.HUB]
    left = etag_of(b"l" * 2000)
    for name in (left, f"{left}.incomplete", f"{left}.part", f"{left}.lock"):
        (blobs / name).write_bytes(b"l")
    (blobs / ("c" * 40)).symlink_to("/etc/passwd")
    *_, found = entry_revisions(entry)
    assert (found.kind, found.repo, found.rev) == (Kind.BLOBS, "org/name", None)
    assert found.files == {left: blobs / left}
    assert found.said == {left: Said(sha256=Sha256(left))}
    assert found.odd == {"c" * 40: "a link leads out of the cache"}
    (entry / "snapshots" / REV / "c.bin").symlink_to(f"../../blobs/{left}")
    (blobs / ("c" * 40)).unlink()
    assert [one.kind for one in entry_revisions(entry)] == [Kind.HUB]
