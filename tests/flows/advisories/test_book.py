"""What members say of a model reaches the readers of all others, whoever they ask."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.flows.foreign.conftest import A, Agreed, B, C
from tests.support.advising import record, say, take_back
from tests.support.attesting import wait
from tests.support.fellows import MAIN

from hanse.db.witnesses import WitnessedLog
from hanse.errors import NotFoundError, PolicyError
from hanse.flows.access import resolve_revision
from hanse.flows.advisories import book
from hanse.flows.advisories.issue import issue
from hanse.flows.evidence import of_revision
from hanse.flows.follow import Follower
from hanse.flows.loaded_policy import LoadedPolicy, complete
from hanse.flows.policies import load_policy
from hanse.flows.trust import Wanted
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.model.decision import Result
from hanse.model.evidence import parse_evidence
from hanse.model.repo import Origin
from hanse.policy.parse import parse_policy
from hanse.tlog.tiles import Growth

pytestmark = pytest.mark.soak

OBEYS = """
policy = 1
base = "careful"
[advisories]
obey = [{ of = "lab", kinds = ["malicious"] }]
[groups.lab]
members = ["c.example"]
"""


def verify(agreed: Agreed, at: str, policy: str | LoadedPolicy = "careful") -> VerifiedRevision:
    """Verify what a member shows of `main`, as somebody who trusts the federation."""
    three = agreed.three
    loaded = load_policy(policy, three[A].staging.root) if isinstance(policy, str) else policy
    data = of_revision(three[at], agreed.at[at], "main")[1]
    want = Wanted(origin=Origin(A), repo="alice/m", ref=MAIN)
    return verify_revision(parse_evidence(data), replace(three.trust), loaded, want, three.clock.now())


def told(found: VerifiedRevision) -> list[str]:
    """Return what the decision warns of because of advisories."""
    return [one.says for one in found.decision.results if one.rule == "advised" and one.result is Result.WARNED]


def maps(found: VerifiedRevision) -> str:
    """Return what the decision says of maps of advisories."""
    return next(one.says for one in found.decision.results if one.rule == "advisories")


def test_one_member_warns_two_refuse_and_withdrawing_ends_it(agreed: Agreed) -> None:
    """One member's word warns readers everywhere and blocks nobody; two refuse; the word taken back is no word."""
    assert not told(verify(agreed, B))
    assert "maps of advisories, the newest" in maps(verify(agreed, B))
    say(agreed.three, C, record("HANSE-C-1"))
    for at in (A, B, C):
        found = verify(agreed, at)
        assert told(found) == ["c.example says malicious: it runs code [HANSE-C-1]"]
        assert "maps of advisories, the newest" in maps(found)
        node, repo = agreed.three[at], agreed.at[at]
        assert "HANSE-C-1" in book.warning(node, repo, resolve_revision(node, repo, "main"))
    with pytest.raises(PolicyError, match=r"advised: c\.example says malicious"):
        verify(agreed, B, complete(parse_policy(OBEYS), "test", agreed.three[A].staging.root))
    say(agreed.three, B, record("HANSE-B-1", "vulnerable"))
    for at in (A, B, C):
        with pytest.raises(PolicyError, match=r"advised: .*HANSE-C-1.*HANSE-B-1|advised: .*HANSE-B-1.*HANSE-C-1"):
            verify(agreed, at)
    take_back(agreed.three, C, "HANSE-C-1")
    assert told(verify(agreed, A)) == ["b.example says vulnerable: it runs code [HANSE-B-1]"]
    take_back(agreed.three, B, "HANSE-B-1")
    assert not told(verify(agreed, A))
    node, repo = agreed.three[A], agreed.at[A]
    assert not book.warning(node, repo, resolve_revision(node, repo, "main"))
    assert {one.id: one.retracted for one in book.known(node)} == {"HANSE-C-1": True, "HANSE-B-1": True}


def test_the_publisher_refuses_his_own_at_once(agreed: Agreed) -> None:
    """The publisher's own advisory about his own model refuses at every member; a kind that blocks nothing warns."""
    say(agreed.three, A, record("HANSE-A-1", "superseded"))
    assert told(verify(agreed, B)) == ["a.example (the publisher) says superseded: it runs code [HANSE-A-1]"]
    say(agreed.three, A, record("HANSE-A-1", "vulnerable"))
    for at in (A, B, C):
        with pytest.raises(PolicyError, match="the publisher"):
            verify(agreed, at, "open")
    take_back(agreed.three, A, "HANSE-A-1")
    assert not told(verify(agreed, B))


def test_affected_by_digest(agreed: Agreed) -> None:
    """A file or a tree is affected under whatever name it is held; other revisions are not."""
    node, repo = agreed.three[B], agreed.at[B]
    revision = resolve_revision(node, repo, "main")
    entry = next(iter(node.listings.get(node.store, revision.object).directory.entries()))
    for number, said in enumerate(({"sha256": [entry.sha256]}, {"tree": revision.tree}, {"sha256": ["0" * 64]})):
        say(agreed.three, C, record(f"HANSE-D-{number}", affected=[{"database_specific": said}]))
    assert {one.id for one in book.of_revision(node, repo, revision)} == {"HANSE-D-0", "HANSE-D-1"}
    assert "HANSE-D-0" in told(verify(agreed, A))[0]
    for number in range(3):
        take_back(agreed.three, C, f"HANSE-D-{number}")


def test_a_look_while_a_log_is_taken_in(agreed: Agreed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks between the finding of a leaf and its arrival in the copy does not hide it from those who ask afterwards."""
    arrive, three = Follower._arrive, agreed.three

    def late(follower: Follower, log: WitnessedLog, growth: Growth) -> WitnessedLog:
        for node in three.nodes.values():
            book.known(node)
        return arrive(follower, log, growth)

    monkeypatch.setattr(Follower, "_arrive", late)
    issue(three[C], record("HANSE-LATE"))
    wait(three[C])
    three.round()
    assert [one.id for one in book.find(three[A], "HANSE-LATE")] == ["HANSE-LATE"]
    take_back(three, C, "HANSE-LATE")


def test_what_is_not_here(agreed: Agreed) -> None:
    """An unknown id or payload is said to be unknown."""
    with pytest.raises(NotFoundError):
        book.find(agreed.three[A], "HANSE-NONE")
    with pytest.raises(NotFoundError):
        book.bundle_of(agreed.three[A], agreed.three[A].keys.attest.public.fingerprint)
