"""Attacks on the history of a log: going back, standing still, telling two stories."""

from __future__ import annotations

from tests.support.attacks import READERS, attack
from tests.support.federation import DAY, World

OPERATOR = "the log's operator"
CARRIER = "whoever carries its bytes"


@attack("nothing: honest members, honest witnesses", who="nobody")
def test_without_an_attack(world: World) -> None:
    """What is published is accepted, first by one reader, then its successor by the same and by another."""
    assert world.show("alice", world.serve(world.publish(b"1")))
    assert world.show("alice", world.serve(world.publish(b"2")))
    assert world.show("bob", world.serve(world.truth[-1][1]))


@attack(
    "rollback: the state before an update is shown to somebody who saw the update",
    who=CARRIER,
    refused={READERS},
    noticed={READERS},
)
def test_rollback(world: World) -> None:
    """A reader never goes back behind what he saw, though the old state is signed, cosigned and fresh."""
    old = world.serve(world.publish(b"1"))
    assert world.show("alice", world.serve(world.publish(b"2")))
    assert not world.show("alice", old)


@attack(
    "freeze: an old state is shown to somebody who never saw a newer one",
    who=CARRIER,
    refused={READERS},
    limit="until `max_age` is over (a day under `careful`) the old state passes for the latest",
)
def test_freeze(world: World) -> None:
    """Cosignatures carry their time: when they are too old, what they vouch for is no longer the latest."""
    old = world.serve(world.publish(b"1"))
    world.publish(b"2")
    assert world.show("bob", old)
    world.now += DAY + 60
    assert not world.show("carol", old)
