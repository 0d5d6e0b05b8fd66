"""One file of one member shows what all of them say: who agrees, who saw their logs, and where a publisher that is gone stood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete
from tests.flows.foreign.conftest import WORD, A, Agreed, B, C
from tests.support.attesting import wait
from tests.support.fellows import MAIN, Fellows, fellows
from tests.support.nodes import add_user, commit
from tests.support.upstreams import NAME, upstream

from hanse.db import cosignatures, leaves
from hanse.db.repos import Repo
from hanse.db.schema_trust import cosignatures as table
from hanse.errors import PolicyError, VerificationFailed
from hanse.flows import access, bundles, effects
from hanse.flows.access import resolve_revision
from hanse.flows.attest import enter
from hanse.flows.evidence import of_revision
from hanse.flows.foreign.checkpoints import learn
from hanse.flows.loaded_policy import complete
from hanse.flows.mirror.journey import mirror
from hanse.flows.node import Node
from hanse.flows.pins import read_pins
from hanse.flows.policies import load_policy
from hanse.flows.publish import PutBytes
from hanse.flows.replays import Replays
from hanse.flows.repos import create_repo
from hanse.flows.standing import revision_standing
from hanse.flows.trust import KnownList, Wanted, witness_name
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.flows.verify_folder import keep
from hanse.flows.witness import find_log
from hanse.model.decision import Rung
from hanse.model.digest import Sha256
from hanse.model.evidence import parse_evidence
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.leaf_fields import Payload
from hanse.model.repo import Origin, RepoId, RepoType, Visibility
from hanse.model.trust_leaf import MemberLeaf, MemberRole
from hanse.policy.parse import parse_policy
from hanse.sign.statement import Statement, revision_subject
from hanse.tlog.cosignature import cosign
from hanse.tlog.note import encode_note

DAY = 86_400
MAPS = """
policy = 1
base = "careful"
[witness]
need = 2
[mirror]
need = 2
[advisories]
maps = 3
stale = "refuse"
"""
TWO = """
policy = 1
base = "open"
[signers]
need = 2
of = "all"
[groups.all]
members = ["a.example", "b.example", "c.example"]
"""
BOTH = """
policy = 1
base = "careful"
[signers]
need = 2
[witness]
need = 2
[mirror]
need = 2
"""


def shown(node: Node, repo: Repo) -> bytes:
    """Return what a member shows of `main`."""
    return of_revision(node, repo, "main")[1]


def verify(three: Fellows, data: bytes, policy: str = "careful", *, silent: str = "") -> VerifiedRevision:
    """Verify what a member shows of `main`, as somebody who trusts the federation and knows nothing else."""
    trust = replace(three.trust, silent=frozenset({Origin(silent)} if silent else ()))
    want = Wanted(origin=Origin(A), repo="alice/m", ref=MAIN)
    loaded = load_policy(policy, three[A].staging.root)
    return verify_revision(parse_evidence(data), trust, loaded, want, three.clock.now())


@pytest.mark.parametrize("origin", [A, B, C])
def test_one_file_shows_that_three_agree(origin: str, agreed: Agreed) -> None:
    """Each member's file alone reaches the top of the ladder, with the publisher's own log for the name, in 20 kB."""
    data = shown(agreed.three[origin], agreed.at[origin])
    found = verify(agreed.three, data)
    assert {log.origin for log in found.logs} == {A, B, C}
    assert {one.member for one in found.attested if one.vouches} == {A, B, C}
    assert all(len(log.witnesses) == len(log.mirrors) == 2 for log in found.logs)
    assert found.decision.rung is Rung.WITNESSED
    assert not found.notices
    assert found.position is not None
    assert found.position.log.origin == A
    assert len(data) <= 20_000
    payloads = [one.statement.predicate_type for one in found.attested]
    assert len(parse_evidence(data).bundles) < len(payloads), "what several signed is shown once"


def test_the_page_says_the_same(agreed: Agreed) -> None:
    """At each member the ladder stands where a verifier would put it."""
    for origin, repo in agreed.at.items():
        node = agreed.three[origin]
        standing = revision_standing(node, repo, resolve_revision(node, repo, "main"))
        assert (standing.rung, standing.silent_since) == (Rung.WITNESSED, None)


def test_a_dead_publisher(own: Agreed) -> None:
    """Others renew its cosignatures; any holder's file then shows `main` as fresh, and that the publisher is silent."""
    three = own.three
    three.wire.down.add(A)
    three.clock.time += 30 * DAY
    for one in (B, C):
        three.refresh(one, A)
        three.round()
    found = verify(three, shown(three[B], own.at[B]), silent=A)
    (home,) = [log for log in found.logs if log.origin == A]
    assert {time for _, time in (*home.witnesses, *home.mirrors)} == {three.clock.now()}
    assert found.decision.stale_since is None
    assert next(one.says for one in found.decision.warnings if one.rule == "silent").startswith(f"publisher {A} silent since ")


def test_an_older_copy_is_not_the_latest(own: Agreed) -> None:
    """A holder who has not taken in what the publisher published since cannot show the old revision as what `main` is."""
    three, node = own.three, own.three[A]
    commit(node, add_user(node, "alice"), own.at[A], PutBytes("more.txt", b"x"))
    three.settle(A)
    three.round()
    with pytest.raises(VerificationFailed, match="of which the evidence has no manifest"):
        verify(three, shown(three[B], own.at[B]))


def cosigned_by_few(own: Agreed) -> tuple[int, int]:
    """Let the publisher publish elsewhere and the others follow; return the sizes at which its log had enough, and now has.

    Of what is new they know only their own cosignatures, and that another one witnessed it.
    """
    three, node = own.three, own.three[A]
    before = node.log.size
    repo = create_repo(node, add_user(node, "alice"), RepoId(Origin(A), RepoType.MODEL, "alice", "n"), Visibility.PUBLIC)
    commit(node, add_user(node, "alice"), repo, PutBytes("x", b"x"))
    wait(node)
    for one in (B, C):
        three.followers[one].follow(find_log(three[one], A))
    head = node.log.head()
    at = three.clock.now()
    line = cosign(head, witness_name(C), three[C].keys.witness, at)
    learn(three[B], A, encode_note(head.text, [*node.log.checkpoint().decode().splitlines()[4:5], line]))
    return before, head.size


def test_the_newest_entries_have_too_few_cosignatures(own: Agreed) -> None:
    """Of another's log as of its own a member shows what enough have cosigned; mirrors count for themselves, and come later."""
    three = own.three
    before, now = cosigned_by_few(own)
    policy = complete(parse_policy(BOTH), "both", Path())
    want = Wanted(origin=Origin(A), repo="alice/m", ref=MAIN)
    for one in (A, B):
        found = verify_revision(parse_evidence(shown(three[one], own.at[one])), three.trust, policy, want, three.clock.now())
        assert {log.checkpoint.size for log in found.logs if log.origin == A} == {before}
        assert found.decision.rung is Rung.WITNESSED
        seen = of_revision(three[one], own.at[one], "main", {A: before + 1, "x.example": 5})[1]
        with pytest.raises(PolicyError, match=f"{A} has"):
            verify_revision(parse_evidence(seen), three.trust, policy, want, three.clock.now())
        more = of_revision(three[one], own.at[one], "main", {A: now + 9})[1]
        assert [sized(data)[A] for data in (seen, more)] == [now, now]
    three.round()
    assert sized(shown(three[B], own.at[B]))[A] == three[A].log.size


def test_a_new_process_shows_the_same(own: Agreed) -> None:
    """Who exports beside a node, or starts it again, shows another's log where enough cosigned it, and not where it ends."""
    before, _ = cosigned_by_few(own)
    node = own.three[B]
    data = shown(replace(node, replays=Replays(node.store, node.db)), own.at[B])
    assert sized(data)[A] == before
    assert data == shown(node, own.at[B])


def test_a_log_that_never_rests(own: Agreed) -> None:
    """Who follows a growing log learns who cosigned what it had a moment ago: its newest checkpoint says nothing of that."""
    three, node = own.three, own.three[A]
    cosigned_by_few(own)
    three.round()
    enough = node.log.size
    with three[B].db.write() as conn:
        conn.execute(delete(table).where(table.c.origin == A, table.c.name.startswith(C)))
    assert set(counted(three[B], A, enough)) == {B}
    commit(node, add_user(node, "alice"), own.at[A], PutBytes("y", b"y"))
    wait(node)
    three.followers[B].follow(find_log(three[B], A))
    assert set(counted(three[B], A, enough)) == {B, C}
    assert set(counted(three[B], A, node.log.size)) == {B}


def counted(node: Node, origin: str, size: int) -> list[str]:
    """Return who cosigned a size of a log, as far as a member knows."""
    with node.db.read() as conn:
        return [one.name.partition("/")[0] for one in cosignatures.of_size(conn, origin, size)]


def sized(data: bytes) -> dict[str, int]:
    """Return how many leaves each log is shown with."""
    return {log.origin: int(log.checkpoint.split(b"\n")[1]) for log in parse_evidence(data).logs}


def test_a_new_statement_waits_for_its_cosignatures(own: Agreed) -> None:
    """What another member says since is left out for a moment, and what it said before stays."""
    three, node = own.three, own.three[C]
    before = sized(shown(three[B], own.at[B]))[C]
    revision = access.resolve_revision(node, own.at[C], "main")
    said = Statement((revision_subject(own.at[C].repo, revision.rev, revision.tree),), WORD, {"word": "better"})
    enter(node, own.at[C], revision, bundles.sign(node.store, said, node.keys.attest), WORD)
    wait(node)
    three.followers[B].follow(find_log(three[B], C))
    data = shown(three[B], own.at[B])
    assert sized(data)[C] == before < node.log.size
    assert {one.member for one in verify(three, data).attested if one.vouches} == {A, B, C}


def new_copies(own: Agreed) -> dict[str, Repo]:
    """Let the others take in what the publisher has at `main` now, and follow each other, before anybody cosigns that."""
    three = own.three
    copies = {one: three.copy(A, own.at[A], one)[0] for one in (B, C)}
    for one in (A, C):
        three.followers[one].follow(find_log(three[one], B))
    return copies


def test_a_new_copy_waits_for_its_cosignatures(own: Agreed) -> None:
    """Who has just attested a copy of a revision is shown as before for a moment, by himself and others: no map is missing."""
    three, node = own.three, own.three[A]
    commit(node, add_user(node, "alice"), own.at[A], PutBytes("more.txt", b"x"))
    three.settle(A)
    three.round()
    before = three[B].log.size
    at = {A: own.at[A], **new_copies(own)}
    policy = complete(parse_policy(MAPS), "maps", Path())
    want = Wanted(origin=Origin(A), repo="alice/m", ref=MAIN)
    for origin, repo in at.items():
        fresh = replace(three[origin], replays=Replays(three[origin].store, three[origin].db))
        for one in (three[origin], fresh):
            data = shown(one, repo)
            verify_revision(parse_evidence(data), three.trust, policy, want, three.clock.now())
            assert sized(data)[B] == before < three[B].log.size, origin
            assert {one.member for one in verify(three, data).attested if one.vouches} == {A}
    three.round()
    assert {one.member for one in verify(three, shown(three[B], at[B])).attested if one.vouches} == {A, B, C}


def test_a_copy_that_alone_has_a_manifest(own: Agreed) -> None:
    """Where the publisher has not attested a revision yet, who holds it is shown with his own manifest, cosigned or not."""
    three, node = own.three, own.three[A]
    commit(node, add_user(node, "alice"), own.at[A], PutBytes("more.txt", b"x"))
    wait(node)
    three.round()
    copies = new_copies(own)
    for origin, repo in copies.items():
        data = shown(three[origin], repo)
        assert sized(data)[B] == three[B].log.size, origin
        assert B in {one.member for one in verify(three, data, "open").attested if one.vouches}


def test_newer_lists_of_members(own: Agreed) -> None:
    """Any member's file shows which lists it and those whom it mirrors have seen, so that a reader notices what is withheld."""
    three, first = own.three, Sha256("ab" * 32)
    seen = Payload(Sha256("12" * 32), 100)
    for origin in (A, C):
        for version in (1, 2):
            leaf = encode_leaf(MemberLeaf(three.clock.now(), MemberRole.TARGETS, version, seen, first))
            row: dict[str, object] = {"repo_id": None, "kind": "member", "leaf": leaf, "leaf_hash": leaf_id(leaf)}
            with three[origin].db.write() as conn:
                leaves.append(conn, row | {"effect": effects.NONE, "created_at": three.clock.now()})
        wait(three[origin])
    three.round()
    known = KnownList("models.example", first, frozenset(map(Origin, (A, B, C))), {"root": 1, "targets": 1}, 2)
    for origin in (A, B):
        data = shown(three[origin], own.at[origin])
        trust = replace(three.trust, lists=(known,))
        want = Wanted(origin=Origin(A), repo="alice/m", ref=MAIN)
        found = verify_revision(parse_evidence(data), trust, load_policy("open", Path()), want, three.clock.now())
        assert [(one.version, one.members) for one in found.facts.newer] == [(2, (A, C))]


def test_nothing_of_what_is_not_public(agreed: Agreed) -> None:
    """A repository that is not public is shown by this node's own log alone."""
    hidden = replace(agreed.at[B], visibility=Visibility.PRIVATE, salt=bytes(32))
    assert {log.origin for log in parse_evidence(shown(agreed.three[B], hidden)).logs} == {B}


def test_observers_of_an_upstream(tmp_path: Path) -> None:
    """What two observers agree on is the latest; where they differ nothing is, and nobody is led back by those who are behind."""
    with fellows(tmp_path, B, C) as two, upstream({"a.txt": b"1"}) as (origin, hub):
        home, policy = tmp_path / "reader", complete(parse_policy(TWO), "two", tmp_path)

        def read(one: str, data: bytes | None = None) -> VerifiedRevision:
            repo = mirrored[one]
            pins = {repo.repo.origin: read_pins(home, repo.repo.origin)}
            want = Wanted(repo=NAME, ref=MAIN)
            trust = replace(two.trust, pins=pins)
            found = verify_revision(parse_evidence(data or shown(two[one], repo)), trust, policy, want, two.clock.now())
            keep(home, found, two.clock.now())
            return found

        mirrored = {one: mirror(two[one], hub, RepoType.MODEL, NAME).repo for one in (B, C)}
        two.round()
        first, before = read(B), shown(two[B], mirrored[B])
        assert first.position is not None
        assert set(first.position.observers) == {B, C}
        assert first.decision.rung is Rung.WITNESSED
        origin.commit(NAME, {"a.txt": b"2"})
        mirror(two[B], hub, RepoType.MODEL, NAME)
        two.round()
        with pytest.raises(VerificationFailed, match="observers differ"):
            read(B)
        mirror(two[C], hub, RepoType.MODEL, NAME)
        two.round()
        second = read(C)
        assert second.rev != first.rev
        with pytest.raises(VerificationFailed, match="was at"):
            read(B, before)
