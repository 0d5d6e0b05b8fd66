"""Large files go on where they were, and nothing damaged or false is taken in."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.support.memoryplaces import MemoryPlace, pin_of

from hanse.db.repos import Repo
from hanse.errors import BlobNotFound, DigestMismatch, PeerDown
from hanse.flows.mirror.large import local_file, part_path, read_whole, take_large
from hanse.flows.mirror.patience import Halt
from hanse.flows.mirror.rows import open_mirror
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.model.digest import XetHash
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoId, RepoType

DATA = random.Random(3).randbytes(700_000)
PIN = pin_of("model.bin", DATA)


@pytest.fixture(name="mirrored")
def _mirrored(lite: Node) -> Repo:
    return open_mirror(lite, RepoId(Origin("up.example"), RepoType.MODEL, "org", "m"), "https://up.example")


def test_it_goes_on_after_a_crash(lite: Node, mirrored: Repo) -> None:
    """What an earlier process kept is read from disk, only the rest is fetched, and the kept part goes when all is in."""
    place = MemoryPlace(DATA, [(300_000, PeerDown("x"))] + [(0, PeerDown("x"))] * 3)
    with pytest.raises(PeerDown):
        take_large(lite, mirrored, PIN, place, Halt())
    part = part_path(lite, mirrored, PIN)
    assert part.stat().st_size == 300_000
    again = MemoryPlace(DATA)
    row = take_large(lite, mirrored, PIN, again, Halt())
    assert again.asked == [(300_000, len(DATA))]
    assert open_file(lite, row).read_at(0, len(DATA)) == DATA
    assert not part.exists()


@pytest.mark.parametrize("kept", [b"\0" * 1000, DATA + b"more"])
def test_a_damaged_part_is_fetched_anew(lite: Node, mirrored: Repo, kept: bytes) -> None:
    """A part that a power loss damaged costs one more fetch, and no false file."""
    part = part_path(lite, mirrored, PIN)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(kept)
    place = MemoryPlace(DATA)
    assert take_large(lite, mirrored, PIN, place, Halt()).sha256 == PIN.sha256
    assert place.asked[-1] == (0, len(DATA))


def test_a_lie_leaves_nothing(lite: Node, mirrored: Repo) -> None:
    """Other bytes are refused and not kept for the next try; another xet hash than claimed as well."""
    with pytest.raises(DigestMismatch):
        take_large(lite, mirrored, PIN, MemoryPlace(DATA[:-1] + b"!"), Halt())
    assert not part_path(lite, mirrored, PIN).exists()
    false = FilePin(PIN.path, PIN.size, PIN.git_oid, lfs=True, sha256=PIN.sha256, xet=XetHash("7" * 64))
    with pytest.raises(DigestMismatch, match="xet hash"):
        take_large(lite, mirrored, false, MemoryPlace(DATA), Halt())


def test_a_large_regular_file(lite: Node, mirrored: Repo, tmp_path: Path) -> None:
    """Without a SHA-256 the git blob id decides, for what is fetched and for what lies on this machine."""
    pin = pin_of("big.txt", DATA, lfs=False)
    assert take_large(lite, mirrored, pin, MemoryPlace(DATA), Halt()).size == len(DATA)
    with pytest.raises(DigestMismatch, match="git blob id"):
        take_large(lite, mirrored, pin, MemoryPlace(b"?" + DATA[1:]), Halt())
    (tmp_path / "here").write_bytes(DATA)
    assert take_large(lite, mirrored, pin, local_file(tmp_path / "here"), Halt()).sha256 == PIN.sha256
    assert read_whole(local_file(tmp_path / "here"), 10)[:11] == DATA[:11]
    with pytest.raises(BlobNotFound):
        take_large(lite, mirrored, PIN, local_file(tmp_path / "none"), Halt())
