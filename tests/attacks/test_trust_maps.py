"""Attacks on what a log says is current: maps that omit, stand still or are not there."""

from __future__ import annotations

from dataclasses import replace

from tests.support.attacks import CARRIER, MIRRORS, OPERATOR, READERS, attack
from tests.support.evidence import Revision
from tests.support.federation import World
from tests.support.parties import DAY, FAULTY

from hanse.model.evidence import encode_evidence
from hanse.model.key_leaf import KeyUse


@attack("a map of refs that omits an update", who=OPERATOR, refused={MIRRORS, READERS}, noticed={MIRRORS}, rule="mirror")
def test_a_map_that_stands_still(world: World) -> None:
    """Witnesses see that the log grows; that its map is false only those see who replay it, and they sign none."""
    old = world.publish(b"1")
    world.home.lie = world.home.stay(old)
    world.publish(b"2")
    world.now += 2 * DAY
    assert not world.show("bob", world.serve(old))


@attack(
    f"a map of refs that omits an update, signed by {FAULTY} corrupt mirror",
    who=f"{OPERATOR}, and {FAULTY} cosigner",
    refused={MIRRORS, READERS},
    noticed={MIRRORS},
    rule="mirror",
)
def test_a_false_map_up_to_f(world: World) -> None:
    """One mirror that signs without looking is not a quorum."""
    world.corrupt("e.example")
    old = world.publish(b"1")
    world.home.lie = world.home.stay(old)
    world.publish(b"2")
    world.now += 2 * DAY
    assert not world.show("bob", world.serve(old))


@attack(
    "a map of refs that omits an update, signed by a quorum of corrupt mirrors",
    who=f"{OPERATOR}, and 3 cosigners",
    refused={MIRRORS},
    noticed={MIRRORS},
    works=True,
    limit="a quorum of mirrors lies: one that does not, or `hanse log check`, has the proof",
)
def test_a_false_map_of_a_corrupt_quorum(world: World) -> None:
    """Where all who must replay do not, nobody stops a false map; the log itself proves it to everybody who looks."""
    world.corrupt("c.example", "d.example", "e.example")
    old = world.publish(b"1")
    world.home.lie = world.home.stay(old)
    world.publish(b"2")
    world.now += 2 * DAY
    assert world.show("bob", world.serve(old))


@attack("a map of refs without a ref", who=OPERATOR, refused={MIRRORS, READERS}, noticed={MIRRORS})
def test_a_map_without_a_ref(world: World) -> None:
    """What the log says was published cannot be made to look as if it never was."""
    revision = world.publish(b"1")
    world.home.lie = world.home.forget
    world.home.snapshot()
    log = world.home.shown(world.home.needed(revision), world.cosign(world.home))
    absent = world.home.map_proof(revision.repo, revision.ref, None)
    evidence = encode_evidence([revision.bundle.encode()], [log], [absent])
    assert not world.show("bob", replace(world.serve(revision), evidence=evidence))


@attack("a map of advisories that omits one", who=OPERATOR, refused={MIRRORS, READERS}, noticed={MIRRORS})
def test_a_hidden_advisory(world: World) -> None:
    """A log that hides an advisory has no mirrors, and without them it says nothing that counts as current."""
    revision = world.publish(b"1")
    world.home.hidden.add("HANSE-2027-1")
    world.home.advise("HANSE-2027-1")
    assert not world.show("bob", world.serve(revision))


@attack("an update without a snapshot", who=OPERATOR, refused={MIRRORS, READERS}, noticed={MIRRORS})
def test_an_update_without_a_snapshot(world: World) -> None:
    """Leaves after the last snapshot could have changed everything, so nothing is current."""
    old = world.publish(b"1")
    world.home.set_ref(old.repo, old.rev, old.tree)
    assert not world.show("bob", world.serve(old))


@attack("evidence that hides what came after a snapshot", who=CARRIER, refused={READERS})
def test_hidden_leaves(world: World) -> None:
    """A snapshot is the last only if every leaf after it is shown."""
    old = world.publish(b"1")
    value = (old.seq, old.rev, old.tree)
    proof = world.home.map_proof(old.repo, old.ref, value)
    needed = world.home.needed(old)
    update = world.publish(b"2")
    shown = world.home.shown(needed, world.cosign(world.home))
    second, bundle, index = world.seconds[old.rev][0]
    other = second.shown([second.keys[KeyUse.ATTEST], index], world.cosign(second))
    evidence = encode_evidence([old.bundle.encode(), bundle], [shown, other], [proof])
    assert not world.show("bob", replace(world.serve(update), evidence=evidence))


def _other_value(revision: Revision) -> tuple[int, str, str]:
    return (revision.seq + 1, revision.rev, revision.tree)


@attack("a map proof for another value", who=CARRIER, refused={READERS}, noticed={READERS})
def test_a_false_proof(world: World) -> None:
    """A proof leads to the root for one value only."""
    revision = world.publish(b"1")
    served = world.serve(revision)
    proof = world.home.map_proof(revision.repo, revision.ref, _other_value(revision))
    log = world.home.shown(world.home.needed(revision), world.cosign(world.home))
    evidence = encode_evidence([revision.bundle.encode()], [log], [proof])
    assert not world.show("bob", replace(served, evidence=evidence))
