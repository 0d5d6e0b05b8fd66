"""A revision that nobody has signed yet: its log proves where it is, and may not go back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.evidence import NOW, Member, Revision

from hanse.errors import BadProof, Equivocation, VerificationFailed
from hanse.flows.pins import read_pins
from hanse.flows.policies import load_policy
from hanse.flows.pull.asknodes import NoGrowth
from hanse.flows.pull.logged import Logged, verify_logged
from hanse.flows.verify_folder import Question, Verifying
from hanse.model.evidence import LogEvidence, MapEvidence, UnverifiedEvidence, encode_evidence, parse_evidence
from hanse.model.repo import RepoType
from hanse.policy.decide import decide

NAME = "org/m"


def shown(member: Member, revision: Revision) -> UnverifiedEvidence:
    """Return what a node shows of a revision that it has not signed yet."""
    return parse_evidence(encode_evidence([], *(_parts(member, revision))))


def _parts(member: Member, revision: Revision) -> tuple[list[LogEvidence], list[MapEvidence]]:
    value = (revision.seq, revision.rev, revision.tree)
    return [member.shown(member.needed(revision))], [member.map_proof(revision.repo, revision.ref, value)]


def verify(home: Path, evidence: UnverifiedEvidence, revision: str = "main") -> Logged:
    """Verify it."""
    verifying = Verifying(load_policy("open", home), home, NOW)
    return verify_logged(evidence, NoGrowth(), Question(NAME, RepoType.MODEL, revision), verifying)


def test_the_position_is_proved(tmp_path: Path) -> None:
    """The log says which revision the ref is at and which tree that has; under `open` that is enough, and is remembered."""
    member = Member("a.example")
    made = member.publish(NAME, {"x": b"1"}, settle=False)
    found = verify(tmp_path, shown(member, made))
    found.check(made.rev)
    assert (found.repo, found.tree) == (made.repo, made.tree)
    with pytest.raises(BadProof, match="does not say"):
        found.check("b" * 40)
    policy = load_policy("open", tmp_path)
    assert not decide(policy.policy, found.facts(made.rev, policy, NOW)).failed
    careful = load_policy("careful", tmp_path)
    assert decide(careful.policy, found.facts(made.rev, careful, NOW)).failed
    assert found.remember(tmp_path, made.rev, NOW) == ""
    pins = read_pins(tmp_path, member.origin)
    assert pins.tree(RepoType.MODEL, NAME, made.rev) == made.tree
    assert pins.ref(RepoType.MODEL, NAME, "refs/heads/main")


def test_a_commit_id_must_be_in_the_log(tmp_path: Path) -> None:
    """By a leaf of its own."""
    member = Member("a.example")
    made = member.publish(NAME, {"x": b"1"}, settle=False)
    found = verify(tmp_path, shown(member, made), made.rev)
    found.check(made.rev)
    assert found.tree is None
    with pytest.raises(BadProof):
        found.check("b" * 40)


def test_it_never_goes_back(tmp_path: Path) -> None:
    """An older position, a shorter log, another tree of one revision: all refused after the newer one was seen."""
    member = Member("a.example")
    first = member.publish(NAME, {"x": b"1"}, settle=False)
    old = shown(member, first)
    second = member.publish(NAME, {"x": b"2"}, settle=False)
    verify(tmp_path, shown(member, second)).remember(tmp_path, second.rev, NOW)
    with pytest.raises(VerificationFailed):
        verify(tmp_path, old)
    with pytest.raises(VerificationFailed, match="no log is shown"):
        verify(tmp_path, UnverifiedEvidence())
    other = Member("a.example")
    forged = other.publish(NAME, {"x": b"evil"}, settle=False)
    with pytest.raises((VerificationFailed, Equivocation)):
        verify(tmp_path, shown(other, forged)).check(second.rev)
