"""An export as a place of bytes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.flows.leaving.conftest import Left
from tests.support.leaving import WEIGHTS, reading

from hanse.content.hashing import file_hash_of_chunk_list
from hanse.errors import DigestMismatch, HanseError, NotFoundError
from hanse.flows.leaving.listing import name_files
from hanse.flows.leaving.place import ExportPlace
from hanse.flows.leaving.sources import FolderSource
from hanse.flows.leaving.verify_export import read_index, verified
from hanse.model.filepin import FilePin


@pytest.fixture(name="pins")
def _pins(left: Left, tmp_path: Path) -> dict[str, FilePin]:
    source = FolderSource(left.folder)
    repo = read_index(source).repos[0]
    found = verified(source, reading(tmp_path / "home"), repo, repo.revs[0])
    named = name_files(source.read(repo.listing(repo.revs[0])), repo.revs[0], found.files)
    return {pin.path: pin for pin in named.pins}


def test_any_range(left: Left, pins: dict[str, FilePin]) -> None:
    """Every range of a file is given as it was published, in pieces of about a megabyte at most; so is its chunk list."""
    place, pin, chance = ExportPlace(FolderSource(left.folder)), pins["blob.dat"], random.Random(1)
    ends = [sorted(chance.sample(range(pin.size + 1), 2)) for _ in range(20)]
    for start, end in [(0, pin.size), (0, 0), (pin.size, pin.size), *ends]:
        assert b"".join(place.read(pin, start, end)) == WEIGHTS[start:end]
    chunks = place.chunk_list(pin)
    assert chunks is not None
    assert file_hash_of_chunk_list(chunks) == (pin.xet, pin.size)
    assert (place.name, place.chunk_list(pins["empty.txt"])) == ("out", None)


def test_what_is_not_there(left: Left, pins: dict[str, FilePin]) -> None:
    """A file that the export does not have, or whose Xet hash nobody said, is not found."""
    place, pin = ExportPlace(FolderSource(left.folder)), pins["blob.dat"]
    for odd in (
        FilePin("x", 5, pin.git_oid, lfs=True, sha256=pin.sha256),
        FilePin("x", 5, pin.git_oid, True, None, pins["empty.txt"].xet),
    ):
        with pytest.raises(NotFoundError):
            list(place.read(odd, 0, 5))
        assert place.chunk_list(odd) is None


@pytest.mark.parametrize("kind", ["terms", "header", "cut"])
def test_what_cannot_be_is_a_lie(copied: Path, pins: dict[str, FilePin], kind: str) -> None:
    """Terms of another size, chunks with another header, and cut xorbs raise, and are told from what is absent."""
    pin = pins["blob.dat"]
    (xorb,) = [one for one in (copied / "xorbs").iterdir() if one.stat().st_size > 300_000]
    if kind == "terms":
        path = copied / "reconstructions" / f"{pin.xet}.json"
        path.write_bytes(path.read_bytes().replace(b'"size":400000', b'"size":400001').replace(b'"raw":[', b'"raw":[1'))
    elif kind == "header":
        xorb.write_bytes(b"\x01" + xorb.read_bytes()[1:])
    else:
        xorb.write_bytes(xorb.read_bytes()[:-1])
    with pytest.raises(DigestMismatch):
        list(ExportPlace(FolderSource(copied)).read(pin, 0, pin.size))
    assert issubclass(DigestMismatch, HanseError)
