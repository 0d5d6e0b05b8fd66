"""Only what is missing is fetched, a liar is passed over, and one failure ends all."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from tests.support.memoryplaces import MemoryPlace, pin_of
from tests.support.nodes import commit, new_repo
from tests.support.uploads import upload

from hanse.db import alarms
from hanse.db.repos import Repo
from hanse.errors import Busy, DigestMismatch, NotFoundError, PeerDown
from hanse.flows.mirror.intake import Intake, Options, key_of
from hanse.flows.mirror.large import local_file
from hanse.flows.mirror.rows import open_mirror
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType

DATA = random.Random(5).randbytes(200_000)
PIN = pin_of("model.bin", DATA)
REV = GitOid("1" * 40)


@pytest.fixture(name="mirrored")
def _mirrored(lite: Node) -> Repo:
    return open_mirror(lite, RepoId(Origin("up.example"), RepoType.MODEL, "org", "m"), "")


def test_a_liar_is_named_and_passed_over(lite: Node, mirrored: Repo) -> None:
    """Another place has the file; the alarm says who lied, and what is here is not fetched again."""
    liar, honest = MemoryPlace(DATA[:-1] + b"!", name="liar.example"), MemoryPlace(DATA)
    told: list[tuple[str, int, int]] = []
    options = Options(report=lambda path, done, total: told.append((path, done, total)))
    with pytest.raises(DigestMismatch) as alone:
        Intake(lite, mirrored, REV, [PIN], [liar], options).run()
    assert "--also" in alone.value.hint
    intake = Intake(lite, mirrored, REV, [PIN], [liar, honest], options)
    assert intake.run()[key_of(PIN)].sha256 == PIN.sha256
    assert told[-1] == ("model.bin", len(DATA), len(DATA))
    with lite.db.read() as conn:
        alarm = alarms.every(conn)[0]
    assert "liar.example lies about 'model.bin'" in alarm.says
    before = len(honest.asked)
    Intake(lite, mirrored, REV, [PIN], [honest], Options()).run()
    assert len(honest.asked) == before


def test_what_everybody_may_read_here_is_not_fetched(lite: Node, owner: Actor, mirrored: Repo) -> None:
    """A large file of a public repository of this node is the mirror's, too."""
    repo = new_repo(lite, owner, "owner/m")
    commit(lite, owner, repo, upload(lite, owner, repo, "w.bin", DATA))
    place = MemoryPlace(DATA)
    assert Intake(lite, mirrored, REV, [PIN], [place], Options()).run()
    assert place.asked == []


def test_failures(lite: Node, mirrored: Repo) -> None:
    """The error of the last place names the file; nowhere to ask, and being stopped, are told as such."""
    down = MemoryPlace(DATA, [(0, PeerDown("is down"))] * 9)
    with pytest.raises(PeerDown, match=r"'model\.bin' from memory: is down"):
        Intake(lite, mirrored, REV, [PIN], [down], Options()).run()
    with pytest.raises(NotFoundError, match="no place"):
        Intake(lite, mirrored, REV, [PIN], [], Options()).run()
    with pytest.raises(DigestMismatch):
        Intake(lite, mirrored, REV, [pin_of("a.txt", b"a", lfs=False)], [MemoryPlace(b"b")], Options()).run()
    stop = threading.Event()
    stop.set()
    with pytest.raises(Busy, match="stopped"):
        Intake(lite, mirrored, REV, [PIN], [MemoryPlace(DATA)], Options(stop=stop)).run()


def test_a_large_file_is_told_while_it_arrives(lite: Node, mirrored: Repo) -> None:
    """Each piece is told, with all that is here; contents that are here twice count once."""
    twin = pin_of("twin.bin", DATA)
    told: list[int] = []
    options = Options(report=lambda _path, done, total: told.append(done * 100 // total))
    Intake(lite, mirrored, REV, [PIN, twin], [MemoryPlace(DATA, [(50_000, PeerDown("x"))])], options).run()
    assert told == sorted(told)
    assert told[-1] == 100
    assert len(told) > 2


def test_being_stopped_is_nobodys_fault(lite: Node, mirrored: Repo, tmp_path: Path) -> None:
    """Neither a place nor a file of this machine is named for it, and neither is read on."""
    long = DATA * 20
    (tmp_path / "here").write_bytes(long)
    stop = threading.Event()
    options = Options(stop=stop, report=lambda _path, _done, _total: stop.set(), local=lambda _pin: local_file(tmp_path / "here"))
    with pytest.raises(Busy, match=r"^stopped$"):
        Intake(lite, mirrored, REV, [pin_of("long.bin", long)], [], options).run()
