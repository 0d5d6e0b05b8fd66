"""What git says of exported files counts only as far as it fits what was signed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.flows.leaving.conftest import Left
from tests.support.leaving import reading

from hanse.errors import BadFormat, BadPath, BadProof, HanseError
from hanse.flows.leaving.listing import Listing, Named, name_files
from hanse.flows.leaving.sources import FolderSource
from hanse.flows.leaving.verify_export import read_index, verified
from hanse.model.digest import GitOid
from hanse.sign.oms import ManifestFile


@pytest.fixture(name="signed")
def _signed(left: Left, tmp_path: Path) -> tuple[Listing, GitOid, tuple[ManifestFile, ...]]:
    source = FolderSource(left.folder)
    repo = read_index(source).repos[0]
    found = verified(source, reading(tmp_path / "home"), repo, repo.revs[0])
    return msgspec.json.decode(source.read(repo.listing(repo.revs[0])), type=Listing), repo.revs[0], found.files


def _named(listing: Listing, rev: GitOid, files: tuple[ManifestFile, ...]) -> Named:
    return name_files(msgspec.json.encode(listing), rev, files)


def test_git_names_are_proved(signed: tuple[Listing, GitOid, tuple[ManifestFile, ...]]) -> None:
    """With the text of the commit its id follows from the files; without it, git's names are claims."""
    listing, rev, files = signed
    found = _named(listing, rev, files)
    assert (found.proved, found.words.title, found.gated) == (True, "version 0", False)
    assert {pin.path: pin.lfs for pin in found.pins if pin.path != ".gitattributes"} == {
        "blob.dat": True,
        "config.json": False,
        "empty.txt": False,
    }
    assert not _named(msgspec.structs.replace(listing, commit=""), rev, files).proved


def test_what_contradicts(signed: tuple[Listing, GitOid, tuple[ManifestFile, ...]]) -> None:
    """Other files, another commit, another blob id or kind of a file, or another revision raise."""
    listing, rev, files = signed
    change = msgspec.structs.replace
    rows = listing.files
    flipped = [(path, oid, not lfs) if path == "config.json" else (path, oid, lfs) for path, oid, lfs in rows]
    other = [(path, "a" * 40 if path == "config.json" else oid, lfs) for path, oid, lfs in rows]
    for false in (
        change(listing, rev="a" * 40),
        change(listing, files=rows[1:]),
        change(listing, files=[*rows, ("more", "a" * 40, False)]),
        change(listing, files=[*rows, rows[0]]),
        change(listing, files=flipped),
        change(listing, files=other),
        change(listing, commit=listing.commit + "x"),
        change(listing, commit="tree x"),
    ):
        with pytest.raises(BadProof):
            _named(false, rev, files)
    with pytest.raises(BadProof):
        _named(listing, rev, tuple(replace(one, xet=None) for one in files))


def test_what_is_no_listing(signed: tuple[Listing, GitOid, tuple[ManifestFile, ...]]) -> None:
    """Bytes that are none, another format, paths that lead out, and ids that are none raise."""
    listing, rev, files = signed
    for data in (b"", b"[]", b'{"format": 1}', b"\xff" * 9, msgspec.json.encode(msgspec.structs.replace(listing, format="x"))):
        with pytest.raises(BadFormat):
            name_files(data, rev, files)
    with pytest.raises(BadPath):
        _named(msgspec.structs.replace(listing, files=[("../x", "a" * 40, False)]), rev, files)
    with pytest.raises(HanseError):
        _named(msgspec.structs.replace(listing, files=[("x", "nothing", False)]), rev, files)
