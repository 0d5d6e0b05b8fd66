"""What an origin claims is pinned at first use, whatever it says later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.held import pin_of

from hanse.errors import BadFormat, Equivocation, HanseError, IntegrityError, PeerDown, PeerMisbehaved
from hanse.flows.pull.asked import parse_asked
from hanse.flows.pull.claims import Claimed, ask_claims, differences, is_private
from hanse.flows.pull.known import Known
from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.store.held import Held

A, B, C = (GitOid(one * 40) for one in "abc")
PIN = pin_of(b"content", "a.bin")
ORIGIN = Origin("hub.example")
REPO = RepoId(ORIGIN, RepoType.MODEL, "org", "m")


@dataclass
class Said:
    """An info or a commit."""

    id: str
    rev: str = ""
    info: dict[str, Any] = field(default_factory=dict)


@dataclass
class Origins:
    """An origin in memory: where main is, the files of everything, and the history."""

    main: str = A
    files: tuple[FilePin, ...] = (PIN,)
    history: tuple[str, ...] = (A,)
    claims: dict[str, Any] = field(default_factory=dict)
    answers: str = ""
    down: bool = False

    def info(self, _: RepoType, name: str, revision: str) -> Said:
        """Return what a revision is."""
        return Said(name, self.answers or (self.main if revision == "main" else revision), self.claims)

    def tree(self, _: RepoType, __: str, ___: str) -> tuple[FilePin, ...]:
        """Return the files."""
        return self.files

    def commits(self, _: RepoType, __: str, rev: str) -> Iterator[Said]:
        """Yield the history of a commit, nothing of one that is not in it."""
        if self.down:
            raise PeerDown("down")
        return (Said(one) for one in (self.history[self.history.index(rev) :] if rev in self.history else ()))


@pytest.fixture(name="known")
def _known(tmp_path: Path) -> Iterator[Known]:
    with Held.open(tmp_path / "held") as held:
        yield Known(held)


def ask(hub: Origins, known: Known, revision: str = "main", now: int = 1) -> Claimed:
    """Ask an origin."""
    return ask_claims(hub, ORIGIN, parse_asked(RepoType.MODEL, "org/m", revision), known, now)


def test_first_use_is_remembered(known: Known) -> None:
    """What was seen, when, and where the ref was; a later answer confirms it."""
    found = ask(Origins(claims={"tags": ["x"]}), known, now=5)
    assert (found.known.repo, found.known.rev, found.known.first, found.known.confirmed) == (REPO, A, 5, 5)
    assert found.known.claims == {"tags": ["x"]}
    again = ask(Origins(claims={"tags": ["y"]}), known, now=9)
    assert (again.known.first, again.known.confirmed, again.known.claims) == (5, 9, {"tags": ["y"]})
    assert known.revision(REPO, A) == again.known


def test_a_second_content_is_an_alarm(known: Known) -> None:
    """Another digest, name or number of files; a digest that was not given before is none."""
    bare = replace(PIN, sha256=None, xet=None)
    ask(Origins(files=(bare,)), known)
    ask(Origins(files=(PIN,)), known)
    for files in ((replace(bare, git_oid=GitOid("0" * 40)),), (), (bare, replace(bare, path="b"))):
        with pytest.raises(Equivocation, match="pinned with other files on 1970"):
            ask(Origins(files=files), known)
    assert "pinned with other files" in known.alarm(REPO, A)
    kept = known.revision(REPO, A)
    assert kept is not None
    assert kept.files == {"a.bin": bare}


def test_a_false_size_is_not_kept(known: Known) -> None:
    """Whichever of two sizes was seen first, the digest decides: what an honest origin says later is pinned, and said."""
    ask(Origins(files=(replace(PIN, size=3),)), known)
    found = ask(Origins(), known, now=2)
    assert found.known.files == {"a.bin": PIN}
    assert "3 and with 7 bytes" in found.notices[0]
    assert ask(Origins(), known, now=3).notices == ()
    assert known.alarm(REPO, A) == ""


def test_what_was_signed_does_not_give_way(known: Known) -> None:
    """The pins of a verified revision contradict every other claim, also one about a size."""
    found = ask(Origins(), known)
    known.keep_revision(replace(found.known, tree=Sha256("a" * 64)))
    with pytest.raises(Equivocation):
        ask(Origins(files=(replace(PIN, size=3),)), known)


def test_a_ref_does_not_move_to_what_is_older(known: Known) -> None:
    """Where the newest place seen continues what is shown now, that is older, also if it was never seen here."""
    ask(Origins(main=B, history=(B, A)), known, now=1)
    back = ask(Origins(main=A, history=(B, A)), known, now=2)
    assert back.known.rev == B
    assert "which is older than bbbbbbbbbbbb" in back.notices[0]
    gone = ask(Origins(main=A, history=(A,)), known, now=3)
    assert gone.known.rev == A
    assert "was rewritten" in gone.notices[0]


def test_refs_move_on(known: Known) -> None:
    """To what continues them without a word, to anything else with one, and back not at all."""
    ask(Origins(), known, now=1)
    moved = ask(Origins(main=B, history=(B, A)), known, now=2)
    assert (moved.known.rev, moved.notices) == (B, ())
    back = ask(Origins(main=A), known, now=3)
    assert back.known.rev == B
    assert "stays at the newer one" in back.notices[0]
    for down in (False, True):
        found = ask(Origins(main=C if down else "d" * 40, history=(C,), down=down), known, now=4)
        assert "was rewritten" in found.notices[0]
    ref = known.ref(REPO, "main")
    assert ref is not None
    assert [rev for rev, _ in ref.history] == [A, B, "d" * 40, C]


def test_false_answers_are_refused(known: Known) -> None:
    """Another revision than the one asked for, no commit id, a file listed twice."""
    with pytest.raises(IntegrityError, match="answers with"):
        ask(Origins(answers=B), known, A)
    with pytest.raises(PeerMisbehaved):
        ask(Origins(answers="main"), known)
    with pytest.raises(BadFormat):
        ask(Origins(files=(PIN, PIN)), known)
    with pytest.raises(HanseError):
        ask(Origins(files=(PIN,) * 200_001), known)
    assert known.ref(REPO, "main") is None


def test_private_and_gated_are_not_for_everybody() -> None:
    """Whatever an origin says of it that is not a plain no."""
    assert [is_private(one) for one in ({}, {"gated": False, "private": False}, {"gated": "auto"}, {"private": True})] == [
        False,
        False,
        True,
        True,
    ]


def test_differences_are_named() -> None:
    """A few of them, and how many more there are."""
    files = {f"{at}": replace(PIN, path=f"{at}") for at in range(9)}
    assert differences(files, files) == ""
    assert differences(files, {}) == "0, 1, 2 and 6 more"
