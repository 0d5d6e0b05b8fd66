"""Revisions that lie on a machine are found in every form of place; nothing is followed out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.caches import REV, download, write_cache

from hanse.conform.origin import HubOrigin
from hanse.errors import EntryNotFound
from hanse.flows.adopt.found import FoundRevision, Kind, found_revisions, passed_over, read_pieces
from hanse.flows.found import is_entry
from hanse.model.repo import RepoType

FILES = {"config.json": b"{}", "sub/model.bin": b"w" * 100_000}


def contents(found: FoundRevision) -> dict[str, bytes]:
    """Return the bytes of every file of a revision."""
    return {path: b"".join(read_pieces(found, path)) for path in (*found.files, *found.parts)}


@pytest.mark.parametrize("inside", ["", "models--org--name", f"models--org--name/snapshots/{REV}"])
def test_a_cache_by_any_of_its_folders(tmp_path: Path, inside: str) -> None:
    """The cache, an entry and a snapshot of it name the same revision, with its type, name, commit and refs."""
    write_cache(tmp_path / "hub", FILES)
    (found,) = found_revisions(tmp_path / "hub" / inside)
    assert (found.kind, found.type, found.repo, found.rev, found.refs) == (Kind.HUB, RepoType.MODEL, "org/name", REV, ("main",))
    assert contents(found) == FILES
    assert not found.complete


def test_a_home_of_clients(tmp_path: Path) -> None:
    """The folder above the cache, HF_HOME, will do."""
    write_cache(tmp_path / "hub", FILES)
    assert len(list(found_revisions(tmp_path))) == 1


@pytest.mark.parametrize("named", ["models--org--circle", "circle"])
def test_a_link_in_a_circle_is_no_entry(tmp_path: Path, named: str) -> None:
    """A link that leads to itself, which no client can follow, hides nothing of the rest of a cache."""
    write_cache(tmp_path / "hub", FILES)
    (tmp_path / "hub" / named).symlink_to(named)
    assert [one.repo for one in found_revisions(tmp_path / "hub")] == ["org/name"]


@pytest.mark.parametrize("client", ["hub0", "hub1", "hub2"])
def test_what_real_clients_leave(tmp_path: Path, client: str) -> None:
    """Caches of three client versions are read; those that keep a list of files tell that a snapshot is complete."""
    with HubOrigin({"org/model": FILES}) as origin:
        download(client, origin.url, tmp_path / "hub", "org/model")
        rev = origin.repo("org/model").newest.rev
    (found,) = found_revisions(tmp_path / "hub")
    assert (found.repo, found.rev, found.refs) == ("org/model", rev, ("main",))
    assert contents(found) == FILES
    assert not found.odd
    assert found.complete == (client != "hub0")


def test_what_a_real_client_leaves_in_a_folder(tmp_path: Path) -> None:
    """A folder that a client downloaded into says commit and digests, and the bookkeeping is no part of the model."""
    with HubOrigin({"org/model": FILES}) as origin:
        download("hub2", origin.url, tmp_path / "hub", "org/model", "--local-dir", str(tmp_path / "model"))
        rev = origin.repo("org/model").newest.rev
    (found,) = found_revisions(tmp_path / "model")
    assert (found.kind, found.type, found.repo, found.rev) == (Kind.FOLDER, None, "", rev)
    assert contents(found) == FILES
    assert all(one.sha256 or one.git_oid for one in found.said.values())


def test_a_cache_after_a_download_into_a_folder(tmp_path: Path) -> None:
    """What a client leaves in its cache when it downloads into a folder is an entry without a snapshot: no revision is there."""
    with HubOrigin({"org/model": FILES}) as origin:
        download("hub2", origin.url, tmp_path / "hub", "org/model", "--local-dir", str(tmp_path / "model"))
    assert any(is_entry(one) for one in (tmp_path / "hub").iterdir())
    assert list(found_revisions(tmp_path / "hub")) == []


@pytest.mark.parametrize("kind", ["spaces", "kernels"])
def test_what_is_no_model_and_no_data_set(tmp_path: Path, kind: str) -> None:
    """Spaces and kernels in a cache are found as what they are, also where there is nothing else."""
    write_cache(tmp_path, FILES, repo=f"{kind}--org--name")
    (found,) = found_revisions(tmp_path)
    assert (found.kind, found.type, found.title) == (Kind.HUB, None, f"{kind}/org/name@{REV[:12]}")
    assert contents(found) == FILES


def test_what_is_passed_over(tmp_path: Path) -> None:
    """What is in a cache and is none of its entries is named, by whichever folder it is found; a plain folder has no such."""
    write_cache(tmp_path / "hub", FILES)
    for name in ("old-model", ".locks", "blobs", "models--org--broken"):
        (tmp_path / "hub" / name).mkdir()
    for folder in (tmp_path / "hub", tmp_path):
        assert passed_over(folder) == ("models--org--broken", "old-model")
    assert passed_over(tmp_path / "hub" / "models--org--name") == passed_over(tmp_path / "hub" / "old-model") == ()


def test_a_cache_without_an_entry(tmp_path: Path) -> None:
    """A cache that a client has only begun holds nothing; one file more, and it is a folder to be looked into."""
    (tmp_path / ".locks").mkdir()
    (tmp_path / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55")
    assert list(found_revisions(tmp_path)) == []
    (tmp_path / "model.bin").write_bytes(b"w")
    (found,) = found_revisions(tmp_path)
    assert set(found.files) == {"CACHEDIR.TAG", "model.bin"}


def test_a_plain_folder(tmp_path: Path) -> None:
    """A folder is one revision that says nothing of itself; links, pipes and other people's `.git` are no files of it."""
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").write_bytes(b"")
    (tmp_path / "sub" / "a").write_bytes(b"a")
    (tmp_path / "out").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    (found,) = found_revisions(tmp_path)
    assert contents(found) == {"sub/a": b"a"}
    assert sorted(found.odd) == ["out", "pipe"]


def test_no_folder(tmp_path: Path) -> None:
    """What is not there is said to be not there."""
    with pytest.raises(EntryNotFound):
        list(found_revisions(tmp_path / "none"))
