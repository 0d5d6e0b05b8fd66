"""The facts that a policy judges: owners, and who answers for a name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.evidence import NOW, Member
from tests.support.signers import signer
from tests.support.verifying import CONTENTS, World, make_world, preset, verify

from hanse.errors import PolicyError
from hanse.flows.pins import LogPin, Pins
from hanse.flows.trust import Trust
from hanse.model.decision import Known, NameKind, OwnerChange
from hanse.model.evidence import encode_evidence
from hanse.model.finding import Coverage, Verdict
from hanse.model.key_leaf import Holder, KeyOp, KeyUse
from hanse.model.publickey import Scheme
from hanse.sign.oms import manifest_statement
from hanse.sign.statement import SCAN, Statement, revision_subject


def pinned_log(vkey: str) -> LogPin:
    """Return the pin of a larger log with this key, of which nothing shown can tell whether it is the same."""
    return LogPin((vkey,), NOW, 10**6, "0" * 64, "", NOW)


@pytest.fixture(name="world")
def _world() -> World:
    return make_world()


def owned_by(member: Member, key: str) -> Trust:
    """Return the trust of a reader who saw the namespace `org` answered for by a key."""
    return Trust(pins={member.origin: Pins(member.origin, owners={"org": key})})


def test_where_the_owners_key_is_known_from(world: World) -> None:
    """New at first, pinned afterwards, and refused by default if it is another one."""
    a, one = world.a, world.revision
    assert verify(a.evidence(one)).facts.owner is Known.NEW
    assert verify(a.evidence(one), owned_by(a, a.ref.public.fingerprint)).facts.owner is Known.PINNED
    with pytest.raises(PolicyError) as error:
        verify(a.evidence(one), owned_by(a, "0" * 64))
    assert [line.partition(":")[0] for line in error.value.failed] == ["pins", "owner-change"]


def test_the_owner_of_a_name_changes_by_a_transfer(world: World) -> None:
    """With the signature of the old owner the change is said and accepted."""
    a, heir = world.a, signer("heir", Scheme.ECDSA_P256)
    trust = owned_by(a, a.ref.public.fingerprint)
    by = {"by": a.ref, "op": KeyOp.TRANSFER}
    a.names["org"].append(a.add_key(heir, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER, **by))  # type: ignore[arg-type]
    found = verify(a.evidence(a.publish("org/name", CONTENTS, owner=heir)), trust)
    assert (found.facts.owner_change, found.facts.owner) == (OwnerChange.TRANSFERRED, Known.CHANGED)
    assert "owner-change" in {one.rule for one in found.decision.warnings}


def test_what_is_older_than_a_hand_over_stays_good(world: World) -> None:
    """Who pinned the key that took over reads what was published before it, and nothing that only claims to be older."""
    a, heir = world.a, signer("heir", Scheme.ECDSA_P256)
    by = {"by": a.ref, "op": KeyOp.TRANSFER}
    before, older = a.evidence(world.revision), a.ref.public.fingerprint
    ended = a.add_key(heir, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER, **by)  # type: ignore[arg-type]
    a.names["org"].append(ended)
    a.publish("org/other", CONTENTS, owner=heir)
    seen = owned_by(a, heir.public.fingerprint)
    pins = replace(seen.pins[a.origin], earlier={"org": {older: ended}})
    for data in (before, a.evidence(world.revision)):
        found = verify(data, replace(seen, pins={a.origin: pins})).facts
        assert (found.owner_change, found.owner) == (OwnerChange.NONE, Known.PINNED)
        with pytest.raises(PolicyError, match="owner-change"):
            verify(data, seen)
        with pytest.raises(PolicyError, match="owner-change"):
            verify(data, replace(seen, pins={a.origin: replace(pins, earlier={"org": {older: 1}})}))
    forked = replace(pins, log=pinned_log(a.vkey.text))
    offline = Trust(pins={a.origin: forked})
    assert verify(before, offline, want=world.by_rev).facts.owner_change is OwnerChange.TRANSFERRED


def test_a_name_that_is_taken_over_is_an_alarm(world: World) -> None:
    """A second key for a namespace that no earlier one signed for is refused also at the first contact."""
    a, thief = world.a, signer("thief", Scheme.ECDSA_P256)
    a.names["org"].append(a.add_key(thief, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER))
    with pytest.raises(PolicyError, match="owner-change"):
        verify(a.evidence(a.publish("org/name", CONTENTS, owner=thief)))


def test_a_members_name_needs_his_log(world: World) -> None:
    """A file that leaves the home log of a known member out does not make his name an upstream's."""
    one, b = world.revision, world.b
    statement = manifest_statement("org/name", one.files, one.repo, one.rev, one.tree)
    manifest, listed = b.log_statement(statement, one.repo, one.rev, one.tree)
    data = encode_evidence([manifest.encode()], [b.shown([b.keys[KeyUse.ATTEST], listed])], [])
    assert verify(data, world.trust(), want=world.by_rev).facts.kind is NameKind.OWNED
    with pytest.raises(PolicyError, match="the owner of the name has not signed"):
        verify(data, world.trust(), preset("careful"), want=world.by_rev)
    alone = Trust(logs={b.origin: (b.vkey,)})
    assert verify(data, alone, want=world.by_rev).facts.kind is NameKind.MIRRORED


def test_the_operators_signature_is_not_the_owners() -> None:
    """Where the owner holds his key, what the node signs with its own is a member's word, not the owner's."""
    a, owner = Member("a.example"), signer("owner", Scheme.ECDSA_P256)
    a.name("org", owner)
    one = a.publish("org/name", CONTENTS, owner=owner)
    statement = manifest_statement("org/name", one.files, one.repo, one.rev, one.tree)
    bundle, listed = a.log_statement(statement, one.repo, one.rev, one.tree)
    a.snapshot()
    others = [index for index in one.at if one.bundle.digest.encode() not in a.log.leaves[index]]
    found = verify(a.evidence(replace(one, bundle=bundle, at=(*others, listed))))
    assert [(one.member, one.owner) for one in found.facts.signatures] == [("a.example", False)]


def test_scans_and_times(world: World) -> None:
    """The worst that scans say, whose they are, and when others cosigned, are facts; the log's own keys are named."""
    a, one = world.a, world.revision
    said = {"verdict": "suspicious", "coverage": "complete"}
    statement = Statement((revision_subject(one.repo, one.rev, one.tree),), SCAN, said)
    bundle, listed = a.log_statement(statement, one.repo, one.rev, one.tree)
    a.snapshot()
    data = a.evidence(replace(one, at=(*one.at, listed)), world.checkpoint(NOW - 60), bundles=[bundle.encode()])
    facts = verify(data, world.trust()).facts
    assert [(scan.member, scan.verdict, scan.coverage) for scan in facts.scans] == [
        ("a.example", Verdict.SUSPICIOUS, Coverage.COMPLETE)
    ]
    assert [one.member for one in facts.signatures] == ["a.example"]
    home = facts.logs[0]
    assert [(one.member, one.time) for one in home.mirrors] == [("b.example", NOW - 60), ("c.example", NOW - 60)]
    assert a.attest.public.fingerprint in home.keys
    assert (home.home, home.current, home.time) == (True, True, a.time)


def test_a_silent_publisher_is_a_fact(world: World) -> None:
    """Who did not answer is silent since the newest leaf that is shown of his log; who was not asked is not said to be."""
    silent = replace(world.trust(), silent=frozenset({world.a.origin}))
    (home,) = verify(world.evidence(), silent).facts.logs
    assert home.silent_since == home.time is not None
    assert [one.silent_since for one in verify(world.evidence(), world.trust()).facts.logs] == [None]
