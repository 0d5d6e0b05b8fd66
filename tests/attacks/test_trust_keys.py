"""Attacks with stolen keys, and with keys that claim to be somebody else's."""

from __future__ import annotations

from tests.support.attacks import MIRRORS, OPERATOR, READERS, WITNESSES, attack
from tests.support.evidence import Revision
from tests.support.federation import FAULTY, HOME, SECOND, Institution, World

from hanse.model.key_leaf import KeyUse
from hanse.sign.bundle import make_bundle
from hanse.sign.oms import manifest_statement

THIEF = "a thief"


def _evil(world: World, log: Institution | None = None) -> Revision:
    """Publish what the owner did not want, in his log or a branch of it, attested by nobody else."""
    return world.publish(b"evil", log=log or world.home.branch(), second=False)


@attack(
    "a stolen log key: another log under the same name",
    who=THIEF,
    refused={WITNESSES, READERS},
    noticed={WITNESSES},
)
def test_a_stolen_log_key(world: World) -> None:
    """Whoever has the log's key can sign a log, but no honest witness cosigns one that does not continue the true one."""
    world.serve(world.publish(b"1"))
    stolen = Institution(HOME)
    stolen.ref = stolen.attest = world.members["e.example"].attest
    evil = _evil(world, stolen)
    world.second(evil)
    assert not world.show("bob", world.serve(evil, stolen))


@attack(
    "a stolen log key: a position that the owner's key did not sign",
    who=THIEF,
    refused={MIRRORS, READERS},
    noticed={MIRRORS, READERS},
)
def test_a_stolen_log_key_without_the_others(world: World) -> None:
    """The log's key does not sign positions of refs: mirrors and readers look at who did."""
    world.serve(world.publish(b"1"))
    world.home.ref = world.members["e.example"].ref
    evil = _evil(world, world.home.branch())
    world.second(evil)
    branch = world.home.branch()
    evil = world.publish(b"evil", log=branch)
    assert not world.show("bob", world.serve(evil, branch))


@attack(
    "a stolen attestation key of another member, and an operator who lies",
    who=f"{THIEF}, and {OPERATOR}",
    refused={READERS},
)
def test_a_stolen_attestation_key(world: World) -> None:
    """A statement counts where its member's own log lists it; the key alone lists nothing."""
    branch = world.home.branch()
    evil = _evil(world, branch)
    statement = manifest_statement(evil.repo.path, evil.files, evil.repo, evil.rev, evil.tree)
    forged = make_bundle(statement, world.members[SECOND].attest).encode()
    second = world.members[SECOND]
    world.seconds[evil.rev] = [(second, forged, 0)]
    assert not world.show("bob", world.serve(evil, branch))


@attack(
    "a stolen attestation key of another member, listed in the liar's log",
    who=f"{THIEF}, and {OPERATOR}",
    refused={READERS},
)
def test_a_stolen_attestation_key_listed_elsewhere(world: World) -> None:
    """What a log lists is its own member's word, whosever key it registers as its own."""
    branch = world.home.branch()
    key = world.members[SECOND].attest
    branch.keys[KeyUse.WITNESS] = branch.add_key(key, KeyUse.ATTEST)
    evil = _evil(world, branch)
    statement = manifest_statement(evil.repo.path, evil.files, evil.repo, evil.rev, evil.tree)
    bundle, index = branch.log_statement(statement, evil.repo, evil.rev, evil.tree, key)
    world.seconds[evil.rev] = []
    evil = Revision(evil.repo, evil.ref, evil.seq, evil.rev, evil.tree, evil.files, (*evil.at, index), bundle)
    assert not world.show("bob", world.serve(evil, branch))


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
    second.keys[KeyUse.WITNESS] = distrusted
    assert first < last < distrusted
    assert not world.show("bob", world.serve(revision, also=(KeyUse.WITNESS,)))
    assert world.show("bob", world.serve(true, also=(KeyUse.WITNESS,), pinned=True))


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


@attack("one member's statement, listed by two", who="another member", refused={READERS})
def test_one_signature_for_two(world: World) -> None:
    """A key counts for one member, whoever else registers it and lists what it signed."""
    evil = world.publish(b"1", second=False)
    other = world.members["c.example"]
    other.keys[KeyUse.ATTEST] = other.add_key(world.home.attest, KeyUse.ATTEST)
    other.attest = world.home.attest
    world.second(evil, "c.example")
    assert not world.show("bob", world.serve(evil))
