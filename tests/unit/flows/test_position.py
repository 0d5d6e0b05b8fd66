"""Where a ref stands, and who must have signed that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.evidence import MAIN, Member, Revision, entries, tree_of
from tests.support.signers import signer
from tests.support.verifying import CONTENTS, LATEST, World, failures, make_world, verify

from hanse.flows.trust import Trust
from hanse.model.decision import NameKind
from hanse.model.digest import NO_GIT_OID, NO_SHA256, GitOid
from hanse.model.evidence import LogEvidence, MapEvidence, encode_evidence
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.leaf import parse_leaf
from hanse.model.publickey import Scheme
from hanse.model.ref_leaf import RefLeaf, RevKind
from hanse.model.repo import Origin, RefName, RepoId, RepoType
from hanse.sign.oms import manifest_statement

DEV = RefName("refs/heads/dev")
UPSTREAM = RepoId(Origin("huggingface.co"), RepoType.MODEL, "org", "name")


@pytest.fixture(name="world")
def _world() -> World:
    return make_world()


def test_the_owner_signs_where_he_holds_the_key() -> None:
    """Where the owner holds the key himself the position needs his own signature, and the outcome says who holds it."""
    a, owner = Member("a.example"), signer("owner", Scheme.ECDSA_P256)
    a.name("org", owner)
    one = a.publish("org/name", CONTENTS, owner=owner)
    found = verify(a.evidence(one))
    assert found.owner is not None
    assert (found.owner.holder, found.facts.signatures[0].held, found.facts.signatures[0].owner) == (Holder.OWNER, True, True)
    without = a.evidence(replace(one, at=(one.at[0], *one.at[2:])))
    assert failures(without)[0] == "revision: the owner of org has not signed position 1 of refs/heads/main"


def test_the_owner_must_sign_this_very_position() -> None:
    """His signature over another position, or somebody else's over this one, is none."""
    a, owner, thief = Member("a.example"), signer("owner", Scheme.ECDSA_P256), signer("thief", Scheme.ECDSA_P256)
    a.name("org", owner)
    first = a.publish("org/name", CONTENTS, owner=owner)
    second = a.publish("org/name", {"evil": b"1"}, owner=owner)
    swapped = replace(second, at=(second.at[0], first.at[1], *second.at[2:]))
    assert "has not signed position 2" in failures(a.evidence(swapped))[0]
    leaf = parse_leaf(a.log.leaves[second.at[0]])
    assert isinstance(leaf, RefLeaf)
    forged = replace(second, at=(second.at[0], a.sign_position(leaf, thief), *second.at[2:]))
    a.snapshot()
    assert "is not shown to be registered" in failures(a.evidence(forged))[0]


def test_the_node_signs_with_the_key_of_the_namespace(world: World) -> None:
    """Where the operator holds the key the leaf is signed with that key, no other one of his."""
    a = world.a
    a.ref = signer("second ref key", Scheme.ECDSA_P256)
    a.keys[KeyUse.REF] = a.add_key(a.ref, KeyUse.REF)
    one = a.publish("org/name", CONTENTS)
    assert "is not signed with the key of the namespace org" in failures(a.evidence(one))[0]


def test_who_answers_for_the_namespace_must_be_shown(world: World) -> None:
    """Without the leaf that registers the key of the namespace nothing says whose word the position is."""
    indices = [index for index in world.a.needed(world.revision) if index not in world.a.names["org"]]
    assert "does not show which key answers for the namespace org" in failures(world.shown_with(indices))[0]


def test_the_leaf_of_the_position_must_be_shown(world: World) -> None:
    """The map says where the ref stands, the leaf who signed it."""
    indices = [index for index in world.a.needed(world.revision) if index != world.revision.at[0]]
    assert "the evidence lacks the leaf of position 1" in failures(world.shown_with(indices))[0]


def test_a_forged_leaf_signature_fails(world: World) -> None:
    """A position that the key of the namespace did not sign is nobody's word, even in the log and its map."""
    a = world.a
    honest, a.ref = a.ref, signer("forger", Scheme.ECDSA_P256)
    thief = a.ref
    a.ref = honest

    class Forger:
        public = honest.public

        @staticmethod
        def sign(data: bytes) -> bytes:
            return thief.sign(data)

    a.ref = Forger()  # type: ignore[assignment]
    one = a.publish("org/name", {"evil": b"1"})
    assert failures(a.evidence(one))[0].startswith("revision: the signature is not one of key")


def test_positions_from_before_keys_are_said_to_be_unsigned(world: World) -> None:
    """They are logged as they were: verified, with a notice that nobody signed them."""
    a, one = world.a, world.revision
    leaf, at = a.set_ref(one.repo, one.rev, one.tree, ref=DEV, sign=False)
    a.snapshot()
    unsigned = replace(one, ref=DEV, seq=leaf.seq, at=(at, *one.at[1:]))
    found = verify(a.evidence(unsigned), want=replace(LATEST, ref=DEV))
    assert found.position is not None
    assert not found.position.signed
    assert any("nobody signed it" in one for one in found.notices)


def test_a_missing_ref_is_proved(world: World) -> None:
    """A proof of absence says that there is no such ref, and so does a deletion; no proof is another thing."""
    a, one = world.a, world.revision
    absent = a.map_proof(one.repo, DEV, None)
    data = encode_evidence([one.bundle.encode()], [a.shown(a.needed(one))], [absent])
    want = replace(LATEST, ref=DEV)
    gone = "revision: refs/heads/dev of a.example/org/name does not exist, and the map of refs proves it"
    assert failures(data, want=want)[0] == gone
    assert failures(world.evidence(), want=want)[0].startswith("revision: no map proof shows what refs/heads/dev")
    for rev, tree in ((one.rev, one.tree), (NO_GIT_OID, NO_SHA256)):
        leaf, _ = a.set_ref(one.repo, rev, tree, ref=DEV)
    a.snapshot()
    deleted = a.map_proof(one.repo, DEV, (leaf.seq, NO_GIT_OID, NO_SHA256))
    assert failures(encode_evidence([one.bundle.encode()], [a.shown(a.needed(one))], [deleted]), want=want)[0] == gone


def test_a_ref_that_moved_on(world: World) -> None:
    """Evidence of a revision that the ref has left says so, and still verifies the revision by its commit id."""
    a, one = world.a, world.revision
    new = a.publish("org/name", {"new": b"1"})
    proof = a.map_proof(one.repo, MAIN, (new.seq, new.rev, new.tree))
    data = encode_evidence([one.bundle.encode()], [a.shown([*a.needed(one), *new.at])], [proof])
    assert failures(data)[0] == f"revision: refs/heads/main points at {new.rev[:12]}, of which the evidence has no manifest"
    assert verify(data, want=world.by_rev).rev == one.rev


def observed(name: str, rev: str) -> tuple[Member, LogEvidence, MapEvidence, bytes]:
    """Let a member observe an upstream's ref; return member, log, map proof and bundle."""
    member, files = Member(name), tuple(entries(CONTENTS))
    tree, seen = tree_of(files), GitOid(rev)
    leaf, at = member.set_ref(UPSTREAM, seen, tree, kind=RevKind.CLAIMED)
    bundle, listed = member.log_statement(manifest_statement("org/name", files, UPSTREAM, seen, tree), UPSTREAM, seen, tree)
    shown = member.snapshot()
    log = member.shown([member.keys[KeyUse.ATTEST], member.keys[KeyUse.REF], at, listed, shown])
    return member, log, member.map_proof(UPSTREAM, MAIN, (leaf.seq, seen, tree)), bundle.encode()


def test_observers_answer_for_an_upstreams_name() -> None:
    """What most observers' maps say is current, if no other revision has as many; the name has no owner who would sign."""
    rows = [observed("a.example", "a" * 40), observed("b.example", "a" * 40), observed("c.example", "b" * 40)]
    trust = Trust(logs={member.origin: (member.vkey,) for member, *_ in rows})
    logs, maps, bundles = zip(*(row[1:] for row in rows), strict=True)
    found = verify(encode_evidence(bundles, logs, maps), trust)
    assert (found.rev, found.facts.kind, found.facts.rivals, found.owner) == ("a" * 40, NameKind.MIRRORED, 1, None)
    assert {one.member for one in found.attested} == {"a.example", "b.example"}
    assert "observers differ" in failures(encode_evidence(bundles[1:], logs[1:], maps[1:]), trust)[0]


def test_the_revision_of_a_member_is_not_that_of_an_upstream(world: World) -> None:
    """An observer's map says nothing about a name that a shown home log answers for."""
    b, one = world.b, world.revision
    leaf, at = b.set_ref(one.repo, GitOid("9" * 40), one.tree, kind=RevKind.CLAIMED)
    shown = b.shown([b.keys[KeyUse.REF], at, b.snapshot()])
    lie = b.map_proof(one.repo, MAIN, (leaf.seq, leaf.rev, leaf.tree))
    honest = a_proof(world)
    data = encode_evidence([one.bundle.encode()], [world.a.shown(world.a.needed(one)), shown], [lie, honest])
    assert verify(data, world.trust()).rev == one.rev


def a_proof(world: World) -> MapEvidence:
    """Return the home log's own proof of the position."""
    one: Revision = world.revision
    return world.a.map_proof(one.repo, MAIN, (one.seq, one.rev, one.tree))
