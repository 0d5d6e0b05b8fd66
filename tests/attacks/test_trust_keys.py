"""Attacks with stolen keys, and with keys that claim to be somebody else's."""

from __future__ import annotations

from dataclasses import replace

from tests.support.attacks import MIRRORS, OPERATOR, READERS, WITNESSES, attack
from tests.support.evidence import Revision
from tests.support.federation import World
from tests.support.parties import FAULTY, HOME, SECOND, Institution

from hanse.model.key_leaf import KeyUse
from hanse.sign.bundle import Bundle, make_bundle
from hanse.sign.oms import manifest_statement
from hanse.sign.statement import Statement

THIEF = "a thief"


def _manifest(revision: Revision) -> Statement:
    return manifest_statement(revision.repo.path, revision.files, revision.repo, revision.rev, revision.tree)


def _signed(revision: Revision, member: Institution) -> Bundle:
    """Return the manifest of a revision as whoever has a member's key would sign it."""
    return make_bundle(_manifest(revision), member.attest)


@attack(
    "a stolen log key: another log under the same name",
    who=THIEF,
    refused={WITNESSES, READERS},
    noticed={WITNESSES},
    rule="witness",
)
def test_a_stolen_log_key(world: World) -> None:
    """Whoever has the log's key can sign a log, but no honest witness cosigns one that does not continue the true one."""
    world.serve(world.publish(b"1"))
    stolen = Institution(HOME)
    stolen.ref = stolen.attest = world.members["e.example"].attest
    evil = world.publish(b"evil", log=stolen)
    assert not world.show("bob", world.serve(evil, stolen))


@attack(
    "a stolen log key: a position that the owner's key did not sign",
    who=THIEF,
    refused={MIRRORS, READERS},
    noticed={MIRRORS},
)
def test_a_stolen_log_key_without_the_others(world: World) -> None:
    """The log's key does not sign positions of refs: mirrors and readers look at who did."""
    world.serve(world.publish(b"1"))
    branch = world.home.branch()
    branch.ref = world.members["e.example"].ref
    evil = world.publish(b"evil", log=branch)
    assert not world.show("bob", world.serve(evil, branch))


@attack(
    "a stolen attestation key of another member, and an operator who lies",
    who=f"{THIEF}, and {OPERATOR}",
    refused={READERS},
    rule="signers",
)
def test_a_stolen_attestation_key(world: World) -> None:
    """A statement counts where its member's own log lists it; the key alone lists nothing."""
    evil = world.publish(b"evil", second=False, wanted=False)
    assert not world.show("bob", world.serve(evil, bundles=[_signed(evil, world.members[SECOND]).encode()]))


@attack(
    "a stolen attestation key of another member, listed in the liar's log",
    who=f"{THIEF}, and {OPERATOR}",
    refused={READERS},
    noticed={MIRRORS},
    rule="signers",
)
def test_a_stolen_attestation_key_listed_elsewhere(world: World) -> None:
    """What a log lists is its own member's word, whosever key it registers as its own."""
    stolen = world.members[SECOND].attest
    evil = world.publish(b"evil", second=False, wanted=False)
    added = world.home.add_key(stolen, KeyUse.ATTEST)
    bundle, listed = world.home.log_statement(_manifest(evil), evil.repo, evil.rev, evil.tree, stolen)
    evil = replace(evil, at=(*evil.at, added, listed))
    assert not world.show("bob", world.serve(evil, bundles=[bundle.encode()]))


@attack(
    "a stolen attestation key, after its member distrusted it",
    who=THIEF,
    refused={READERS},
    limit="what it signed before the given index still counts",
)
def test_a_distrusted_attestation_key(world: World) -> None:
    """Log order tells what a key signed before it was stolen from what it signed after."""
    second = world.members[SECOND]
    true = world.publish(b"1")
    revision = world.publish(b"2")
    first, last = (world.seconds[one.rev][0][2] for one in (true, revision))
    distrusted = second.distrust(second.attest, KeyUse.ATTEST, first)
    assert first < last < distrusted
    assert not world.show("bob", world.serve(revision, also=[distrusted]))
    assert world.show("bob", world.serve(true, also=[distrusted], pinned=True))


@attack(
    "a log whose operator counts as its own witness",
    who=f"{OPERATOR}, and {FAULTY} cosigner",
    refused={WITNESSES, READERS},
    noticed={WITNESSES},
)
def test_a_log_that_witnesses_itself(world: World) -> None:
    """The operator's own cosignatures do not count, so with one corrupt witness he has one, not two."""
    world.publish(b"1")
    world.corrupt("e.example", HOME)
    branch = world.home.branch()
    evil = world.publish(b"evil", log=branch)
    world.watchers["d.example"].cosign(branch, world.now)
    assert world.show("alice", world.serve(world.publish(b"2")))
    own = "".join(f"{line}\n" for line in world.watchers[HOME].cosign(branch, world.now)).encode()
    assert not world.show("bob", world.serve(evil, branch, checkpoint=world.cosign(branch) + own))


@attack("one member's statement, listed by two", who="another member", refused={READERS}, noticed={MIRRORS}, rule="signers")
def test_one_signature_for_two(world: World) -> None:
    """A key counts for one member, whoever else registers it and lists what it signed."""
    evil = world.publish(b"1", second=False, wanted=False)
    other = world.members["c.example"]
    other.keys[KeyUse.ATTEST] = other.add_key(world.home.attest, KeyUse.ATTEST)
    other.attest = world.home.attest
    world.second(evil, "c.example")
    assert not world.show("bob", world.serve(evil))
