"""Attacks on names: taken over, claimed by others, handed over."""

from __future__ import annotations

from tests.support.attacks import MIRRORS, OPERATOR, READERS, attack
from tests.support.evidence import Revision
from tests.support.federation import World
from tests.support.signers import signer

from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.publickey import Scheme
from hanse.model.ref_leaf import RevKind

THIEF = signer("a new owner", Scheme.ECDSA_P256)


def _taken(world: World) -> Revision:
    """Return a revision that somebody published under the name after he registered his key for it."""
    world.home.name("org", THIEF)
    world.now += 60
    world.home.time = world.now
    evil = world.home.publish("org/model", {"model.safetensors": b"evil"}, owner=THIEF)
    _attested(world, evil)
    return evil


def _attested(world: World, revision: Revision) -> None:
    """Let two members attest it: an owner who holds his key himself is none of the group."""
    world.second(revision)
    world.second(revision, "c.example")


@attack(
    "a name is taken over: another owner key, to somebody who knew the first",
    who=OPERATOR,
    refused={READERS},
    noticed={READERS, MIRRORS},
    rule="owner",
)
def test_a_name_taken_over(world: World) -> None:
    """A name whose owner key changes without the old owner's signature is refused, and mirrors raise an alarm."""
    assert world.show("alice", world.serve(world.publish(b"1")))
    assert not world.show("alice", world.serve(_taken(world)))


@attack(
    "a name is taken over: another owner key, to a newcomer",
    who=OPERATOR,
    refused={READERS},
    noticed={READERS, MIRRORS},
    rule="owner",
)
def test_a_name_taken_over_before_a_newcomer(world: World) -> None:
    """Who sees both keys in the evidence sees that none signed for the other."""
    world.publish(b"1")
    assert not world.show("bob", world.serve(_taken(world)))


@attack(
    "a name is taken over, and the evidence for a newcomer leaves the first key out",
    who=OPERATOR,
    noticed={MIRRORS},
    works=True,
    limit="a first contact sees only the keys it is shown; mirrors and `hanse log check` have the alarm",
)
def test_a_name_taken_over_unseen(world: World) -> None:
    """Evidence is a part of the log: what it leaves out only those know who replayed it."""
    world.publish(b"1")
    evil = _taken(world)
    world.home.names["org"] = world.home.names["org"][-1:]
    assert world.show("bob", world.serve(evil)), world.errors()


@attack("none: a name is handed over", who="nobody")
def test_a_name_handed_over(world: World) -> None:
    """With the old owner's signature a new owner goes on, for old readers and new ones."""
    assert world.show("alice", world.serve(world.publish(b"1")))
    home = world.home
    handed = home.add_key(THIEF, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER, by=home.ref)
    home.names["org"].append(handed)
    world.now += 60
    home.time = world.now
    revision = home.publish("org/model", {"model.safetensors": b"theirs"}, owner=THIEF)
    _attested(world, revision)
    world.truth.append((world.now, revision))
    assert world.show("alice", world.serve(revision))
    assert world.show("bob", world.serve(revision))


@attack("another member publishes under the name", who="another member", refused={READERS})
def test_a_name_claimed_by_another(world: World) -> None:
    """Only the origin's own log answers for its names, whatever others log about them."""
    true = world.publish(b"1")
    other = world.members["c.example"]
    evil = other.publish("org/model", {"model.safetensors": b"evil"})
    leaf, _ = other.set_ref(true.repo, evil.rev, evil.tree, kind=RevKind.CLAIMED)
    other.snapshot()
    world.second(evil)
    claimed = Revision(true.repo, true.ref, leaf.seq, evil.rev, evil.tree, evil.files, evil.at, evil.bundle)
    assert not world.show("bob", world.serve(claimed, other))
