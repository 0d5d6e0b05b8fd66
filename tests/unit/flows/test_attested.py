"""Signed statements: which count, for whom, and which are left aside or refused."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.support.evidence import MAIN, NOW, Member
from tests.support.signers import signer
from tests.support.verifying import LATEST, World, failures, make_world, verify

from hanse.errors import BadFormat, BadProof, BadSignature
from hanse.flows.attested import Aside, Attested, open_bundle
from hanse.flows.pins import Pins
from hanse.flows.shown_log import ShownLog, open_log
from hanse.flows.trust import Trust, Wanted
from hanse.model.decision import NameKind
from hanse.model.digest import GitOid, Sha256
from hanse.model.evidence import encode_evidence
from hanse.model.finding import Coverage, Verdict
from hanse.model.key_leaf import KeyUse
from hanse.model.leaf import parse_leaf
from hanse.model.leaf_fields import Payload
from hanse.model.publickey import Scheme
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import Bundle, make_bundle
from hanse.sign.statement import (
    REVIEW,
    SCAN,
    Statement,
    Subject,
    UpstreamClaim,
    observation_statement,
    parse_statement,
    review_statement,
    revision_subject,
)

NONE = "revision: the evidence has no signed manifest by a key that is known; a signer who is in no log is named with --key"


@pytest.fixture(name="world")
def _world() -> World:
    return make_world()


def opened(member: Member, *indices: int) -> ShownLog:
    """Return a member's log with its attest key and these leaves."""
    return open_log(member.shown([member.keys[KeyUse.ATTEST], *indices]), (), Trust())


def about(world: World, kind: str, predicate: Mapping[str, Any]) -> Statement:
    """Return a statement about the revision."""
    one = world.revision
    return Statement((revision_subject(one.repo, one.rev, one.tree),), kind, predicate)


def test_a_statement_counts_where_it_is_listed(world: World) -> None:
    """The member is the one whose log lists it, with the leaf and the registration of the key."""
    found = open_bundle(world.revision.bundle.encode(), [opened(world.a, *world.revision.at)], Trust())
    assert isinstance(found, Attested)
    assert (found.member, found.place and found.place.index) == ("a.example", world.revision.at[-1])
    assert found.record is not None
    assert (found.record.use, found.vouches) == (KeyUse.ATTEST, True)
    assert found.about(world.revision.rev, world.revision.tree)
    assert not found.about(world.revision.rev, "0" * 64)


def test_two_members_who_sign_the_same_bytes_are_told_apart(world: World) -> None:
    """The signature says whose leaf is whose."""
    one = world.revision
    subject = revision_subject(one.repo, one.rev, one.tree)
    said = review_statement([subject], verifier="https://hanse/x", properties=["HANSE_BYTES_HELD"], time=NOW)
    logs, bundles = [], []
    for member in (world.b, world.c):
        bundle, index = member.log_statement(said, one.repo, one.rev, one.tree)
        logs.append(opened(member, index))
        bundles.append(bundle.encode())
    found = [open_bundle(data, logs, Trust()) for data in bundles]
    assert [isinstance(one, Attested) and one.member for one in found] == ["b.example", "c.example"]


@pytest.mark.parametrize(
    "false", [{"observer": "c.example"}, {"repo": "org/other"}, {"origin": "b.example"}, {"type": "dataset"}]
)
def test_an_observation_is_what_its_leaf_says(world: World, false: dict[str, str]) -> None:
    """It counts as the word of the member whose log lists it, about the repository of the leaf, and of nobody else."""
    one = world.revision
    claim = UpstreamClaim(2, 30, Sha256("0" * 64))
    said = observation_statement(one.repo, MAIN, one.rev, one.tree, observer=world.b.origin, seq=1, claim=claim, time=NOW)
    for statement in (said, replace(said, predicate={**said.predicate, **false})):
        bundle, index = world.b.log_statement(statement, one.repo, one.rev, one.tree)
        if statement is said:
            found = open_bundle(bundle.encode(), [opened(world.b, index)], Trust())
            assert isinstance(found, Attested)
            assert (found.vouches, found.observed) == (True, (MAIN, "2027-01-15T08:00:00Z"))
            continue
        with pytest.raises(BadProof, match="something else than the statement"):
            open_bundle(bundle.encode(), [opened(world.b, index)], Trust())


def test_what_no_log_lists_is_left_aside(world: World) -> None:
    """Unless its key was named by hand; then a signature that does not verify is a failure."""
    data = world.revision.bundle.encode()
    assert isinstance(open_bundle(data, [], Trust()), Aside)
    found = open_bundle(data, [], Trust(keys=(signer("x", Scheme.ECDSA_P256).public, world.a.attest.public)))
    assert isinstance(found, Attested)
    assert (found.member, found.place) == ("", None)
    signature = base64.b64encode(world.revision.bundle.signature)
    broken = data.replace(signature, signature[:20] + (b"AAAA" if signature[20:24] != b"AAAA" else b"BBBB") + signature[24:])
    with pytest.raises(BadSignature):
        open_bundle(broken, [], Trust(keys=(world.a.attest.public,)))


def test_a_bundle_of_a_named_key_is_verified_without_a_log(world: World) -> None:
    """Somebody who knows the signer's key verifies a bundle with it; without the key nothing is verified."""
    data = encode_evidence([world.revision.bundle.encode()], [], [])
    found = verify(data, Trust(keys=(world.a.attest.public,)), want=Wanted())
    assert (found.rev, found.facts.kind) == (world.revision.rev, NameKind.BARE)
    assert failures(data, want=Wanted())[0] == NONE


def test_a_distrusted_key_counts_no_more(world: World) -> None:
    """What it signed after the index named is left aside, whether that is shown or remembered; what it signed before stays."""
    a, one = world.a, world.revision
    before, listed = a.evidence(one), one.at[-1]
    index = a.distrust(a.attest, KeyUse.ATTEST, listed - 1)
    assert failures(world.shown_with([*a.needed(one), index, a.snapshot()]))[0] == NONE
    for after, verified in ((listed - 1, False), (listed, True)):
        trust = Trust(pins={a.origin: Pins(a.origin, distrusted={a.attest.public.fingerprint: after})})
        if verified:
            assert verify(before, trust).rev == one.rev
        else:
            assert failures(before, trust)[0] == NONE


def test_a_leaf_must_say_what_its_statement_says(world: World) -> None:
    """Another revision, predicate or signature in the leaf than in the bundle is a lie of the log."""
    one, a = world.revision, world.a
    bundle = make_bundle(about(world, SCAN, {}), a.attest)
    honest = leaf_of(world, bundle)
    wrong = (
        (replace(honest, rev=GitOid("0" * 40)), BadProof),
        (replace(honest, tree=Sha256("0" * 64)), BadProof),
        (replace(honest, predicate=REVIEW), BadProof),
        (replace(honest, sig=base64.b64encode(a.attest.sign(b"x")).decode()), None),
        (replace(honest, key=a.ref.public.fingerprint), None),
    )
    for leaf, error in wrong:
        log = opened(a, a.append(leaf))
        if error is None:
            assert isinstance(open_bundle(bundle.encode(), [log], Trust()), Aside)
            continue
        with pytest.raises(error):
            open_bundle(bundle.encode(), [log], Trust())
    assert isinstance(open_bundle(bundle.encode(), [opened(a, a.append(honest))], Trust()), Attested)
    assert one.repo.origin == "a.example"


def leaf_of(world: World, bundle: Bundle) -> AttestLeaf:
    """Return the leaf that lists a bundle about the revision."""
    one = world.revision
    named = (NOW, one.repo.origin, one.repo.type, one.repo.folded, one.rev, one.tree, SCAN)
    payload = Payload(bundle.digest, len(bundle.payload))
    return AttestLeaf(*named, payload, bundle.key.fingerprint, base64.b64encode(bundle.signature).decode())


def test_a_namespace_key_signs_for_its_namespace_only(world: World) -> None:
    """The owner of one namespace cannot attest for another."""
    a, thief = world.a, signer("other owner", Scheme.ECDSA_P256)
    registered = a.name("other", thief)
    bundle = make_bundle(about(world, SCAN, {}), thief)
    log = opened(a, registered, a.append(leaf_of(world, bundle)))
    with pytest.raises(BadSignature, match="key of the namespace other"):
        open_bundle(bundle.encode(), [log], Trust())


@pytest.mark.parametrize(
    ("kind", "predicate", "vouches"),
    [
        (REVIEW, {"properties": ["HANSE_BYTES_HELD"]}, True),
        (REVIEW, {"properties": ["OTHER"]}, False),
        (REVIEW, {"properties": "HANSE_BYTES_HELD"}, False),
        (SCAN, {"verdict": "safe", "coverage": "complete"}, False),
        ("https://example.org/anything", {}, False),
    ],
)
def test_who_vouches_for_bytes(kind: str, predicate: dict[str, Any], vouches: bool, world: World) -> None:
    """A scan or a review of something else is no word for the bytes under this name."""
    data = make_bundle(about(world, kind, predicate), world.a.attest).encode()
    found = open_bundle(data, [], Trust(keys=(world.a.attest.public,)))
    assert isinstance(found, Attested)
    assert found.vouches is vouches


def test_a_scan_says_verdict_and_coverage(world: World) -> None:
    """A scan that does not is no scan."""
    trust = Trust(keys=(world.a.attest.public,))
    said = {"verdict": "malicious", "coverage": "complete"}
    good = open_bundle(make_bundle(about(world, SCAN, said), world.a.attest).encode(), [], trust)
    bad = open_bundle(make_bundle(about(world, SCAN, said | {"verdict": "fine"}), world.a.attest).encode(), [], trust)
    assert isinstance(good, Attested)
    assert isinstance(bad, Attested)
    assert good.scan() == (Verdict.MALICIOUS, Coverage.COMPLETE)
    with pytest.raises(BadFormat):
        bad.scan()
    other = open_bundle(make_bundle(about(world, REVIEW, {}), world.a.attest).encode(), [], trust)
    assert isinstance(other, Attested)
    assert other.scan() is None


def test_a_statement_of_two_subjects_is_about_each(world: World) -> None:
    """Subjects are matched by digest, and one needs both the commit id and the tree."""
    one = world.revision
    parts = (Subject("a", {"gitCommit": one.rev}), Subject("b", {"sha256": one.tree}))
    data = make_bundle(Statement(parts, REVIEW, {}), world.a.attest).encode()
    found = open_bundle(data, [], Trust(keys=(world.a.attest.public,)))
    assert isinstance(found, Attested)
    assert not found.about(one.rev, one.tree)


def test_strangers_do_not_count(world: World) -> None:
    """A log that was never met, or a key that nobody vouches for, neither helps nor hurts."""
    log, bundle = world.attested_by(world.b)
    data = world.a.evidence(world.revision, world.checkpoint(), [log], [bundle])
    found = verify(data + b'{"mediaType":"application/later"}\n', want=LATEST)
    assert [one.member for one in found.attested] == ["a.example"]
    assert "the log b.example was never met before, so nothing in it counts" in found.notices
    stranger = make_bundle(about(world, REVIEW, {}), signer("x", Scheme.ECDSA_P256)).encode()
    assert any("is left aside" in one for one in verify(data + stranger + b"\n").notices)


def test_a_payload_that_several_signed_is_shown_once(world: World) -> None:
    """Of the other signers the leaf is enough: his bundle follows from it, and counts as if it were shown; a false one fails."""
    one, b = world.revision, world.b
    made, listed = b.log_statement(parse_statement(one.bundle.payload), one.repo, one.rev, one.tree)
    assert made.payload == one.bundle.payload

    def shown(index: int) -> bytes:
        logs = [world.a.shown(world.a.needed(one)), b.shown([b.keys[KeyUse.ATTEST], index])]
        return encode_evidence([one.bundle.encode()], logs, [])

    found = verify(shown(listed), world.trust(), want=world.by_rev)
    assert {signed.member for signed in found.facts.signatures} == {"a.example", "b.example"}
    leaf = parse_leaf(b.log.leaves[listed])
    assert isinstance(leaf, AttestLeaf)
    false = b.append(replace(leaf, sig=base64.b64encode(b.attest.sign(b"something else")).decode()))
    assert failures(shown(false), world.trust(), want=world.by_rev)[0].startswith("statement ")
