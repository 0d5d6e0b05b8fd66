"""Attacks on the history of a log: going back, standing still, telling two stories, rewriting."""

from __future__ import annotations

from dataclasses import replace

from tests.support.attacks import CARRIER, COMPARING, MIRRORS, OPERATOR, READERS, WITNESSES, attack
from tests.support.evidence import Revision
from tests.support.federation import World
from tests.support.parties import DAY, FAULTY, Institution


@attack("none", who="nobody")
def test_without_an_attack(world: World) -> None:
    """What is published is accepted, first by one reader, then its successor by the same and by another."""
    assert world.show("alice", world.serve(world.publish(b"1")))
    assert world.show("alice", world.serve(world.publish(b"2")))
    assert world.show("bob", world.serve(world.truth[-1][1]))


@attack(
    "rollback: an old state, to somebody who saw a newer one", who=CARRIER, refused={READERS}, noticed={READERS}, rule="memory"
)
def test_rollback(world: World) -> None:
    """A reader never goes back behind what he saw, though the old state is signed, cosigned and fresh."""
    old = world.serve(world.publish(b"1"))
    assert world.show("alice", world.serve(world.publish(b"2")))
    assert not world.show("alice", old)


@attack(
    "rollback by the log itself, which has its old state cosigned again",
    who=OPERATOR,
    refused={WITNESSES, READERS},
    noticed={WITNESSES},
)
def test_rollback_by_the_operator(world: World) -> None:
    """Witnesses who saw a longer log cosign no shorter one, so nobody new takes it for the latest."""
    first = world.publish(b"1")
    old = world.home.branch()
    world.serve(world.publish(b"2"))
    assert not world.show("bob", world.serve(first, old))


@attack(
    "freeze: an old state, to somebody who never saw a newer one",
    who=CARRIER,
    refused={READERS},
    limit="until `max_age` is over, a day under `careful`, it passes for the latest",
    rule="freshness",
)
def test_freeze(world: World) -> None:
    """Cosignatures carry their time: when they are too old, what they vouch for is no longer the latest."""
    old = world.serve(world.publish(b"1"))
    world.publish(b"2")
    assert world.show("bob", old)
    world.now += DAY + 60
    assert not world.show("carol", old)


@attack(
    "freeze with the help of f witnesses, who renew old cosignatures",
    who=f"{CARRIER}, and {FAULTY} cosigner",
    refused={READERS},
    rule="freshness",
)
def test_freeze_with_a_corrupt_witness(world: World) -> None:
    """A quorum is as fresh as its oldest cosignature: one that is renewed does not make the others newer."""
    first = world.publish(b"1")
    old, note = world.home.branch(), world.cosign(world.home)
    world.publish(b"2")
    world.corrupt("e.example")
    world.now += 2 * DAY
    renewed = "".join(f"{line}\n" for line in world.watchers["e.example"].cosign(old, world.now)).encode()
    assert not world.show("bob", world.serve(first, old, checkpoint=note + renewed))


@attack("silence: the publisher is gone", who="nobody", limit="anybody gets newer cosignatures for the last checkpoint")
def test_a_dead_publisher(world: World) -> None:
    """The last state of a log stays the latest as long as its witnesses say so, whoever asks them."""
    last = world.publish(b"1")
    world.now += 30 * DAY
    assert world.show("bob", world.serve(last))


@attack("silence: f witnesses are gone", who=f"{FAULTY} cosigner")
def test_a_dead_witness(world: World) -> None:
    """A quorum leaves room for those who do not answer."""
    world.watchers["e.example"].down = True
    assert world.show("bob", world.serve(world.publish(b"1")))


def _fork(world: World) -> tuple[Revision, Institution]:
    """Return another revision on a second branch of the home's log, which the true log does not have."""
    other = world.home.branch()
    return world.publish(b"evil", log=other), other


@attack(
    "equivocation: two readers are shown two continuations of one log",
    who=OPERATOR,
    refused={WITNESSES, READERS},
    noticed={WITNESSES},
    rule="witness",
)
def test_equivocation(world: World) -> None:
    """Honest witnesses cosign one of two continuations, so at most one of them has a quorum."""
    assert world.show("alice", world.serve(world.publish(b"1")))
    evil, branch = _fork(world)
    assert world.show("alice", world.serve(world.publish(b"2")))
    assert not world.show("bob", world.serve(evil, branch))


@attack(
    "equivocation with the help of f witnesses",
    who=f"{OPERATOR}, and {FAULTY} cosigner",
    refused={WITNESSES, READERS},
    noticed={WITNESSES},
    rule="witness",
)
def test_equivocation_up_to_f(world: World) -> None:
    """One corrupt cosigner is not enough, even if honest ones are each shown the branch that suits the attack."""
    world.publish(b"1")
    world.corrupt("e.example")
    evil, branch = _fork(world)
    world.watchers["d.example"].cosign(branch, world.now)
    assert world.show("alice", world.serve(world.publish(b"2")))
    assert not world.show("bob", world.serve(evil, branch))


@attack(
    "equivocation with the help of f + 1 witnesses",
    who=f"{OPERATOR}, and {FAULTY + 1} cosigners",
    noticed={WITNESSES, COMPARING},
    refused={WITNESSES},
    works=True,
    limit="more than f corrupt cosigners: two readers get two quorums; whoever compares has the proof",
)
def test_equivocation_beyond_f(world: World) -> None:
    """Two corrupt cosigners and two honest ones who see different branches make two quorums."""
    world.publish(b"1")
    world.corrupt("d.example", "e.example")
    evil, branch = _fork(world)
    world.watchers["c.example"].cosign(branch, world.now)
    assert world.show("alice", world.serve(world.publish(b"2")))
    assert world.show("bob", world.serve(evil, branch))


@attack("a leaf of the past is rewritten", who=OPERATOR, refused={WITNESSES, READERS}, noticed={WITNESSES, READERS})
def test_a_rewritten_log(world: World) -> None:
    """Who saw the log before needs no witness to see that it is another one."""
    world.publish(b"1")
    branch = world.home.branch()
    evil = world.publish(b"evil", log=branch)
    assert world.show("alice", world.serve(world.publish(b"2")))
    world.publish(b"more", log=branch, second=False)
    assert not world.show("alice", world.serve(evil, branch))


@attack("leaves in another order", who=OPERATOR, refused={MIRRORS, READERS}, noticed={MIRRORS})
def test_reordered_leaves(world: World) -> None:
    """A chain that does not continue is no chain: mirrors sign no log that has one."""
    revision = world.publish(b"1")
    leaves = world.home.log.leaves
    world.home.relog([*leaves[:-3], leaves[-2], leaves[-3], leaves[-1]])
    assert not world.show("bob", world.serve(revision))


@attack("evidence with a bit flipped", who=CARRIER, refused={READERS}, noticed={READERS})
def test_flipped_bits(world: World) -> None:
    """Whatever is changed on the way, nothing false is accepted."""
    served = world.serve(world.publish(b"1"))
    for at in range(0, len(served.evidence), 97):
        damaged = bytearray(served.evidence)
        damaged[at] ^= 1
        world.show("bob", replace(served, evidence=bytes(damaged)))


@attack("evidence cut short", who=CARRIER, refused={READERS}, noticed={READERS})
def test_truncated_evidence(world: World) -> None:
    """Part of the evidence is never enough for more than it says."""
    served = world.serve(world.publish(b"1"))
    for at in range(0, len(served.evidence) - 1, 397):
        assert not world.show("bob", replace(served, evidence=served.evidence[:at]))
