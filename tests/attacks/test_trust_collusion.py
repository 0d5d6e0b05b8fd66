"""Members who lie together: how many it takes, and who notices."""

from __future__ import annotations

from tests.support.attacks import OPERATOR, READERS, attack
from tests.support.federation import World
from tests.support.signers import signer

from hanse.model.publickey import Scheme


@attack("an owner who attests what he should not, alone", who=OPERATOR, refused={READERS}, rule="signers")
def test_a_lone_liar(world: World) -> None:
    """Where a policy asks for two members, one of them cannot make a revision acceptable."""
    evil = world.publish(b"evil", second=False, wanted=False)
    assert not world.show("bob", world.serve(evil))


@attack(
    "m members who attest the same lie",
    who=f"{OPERATOR}, and m - 1 members",
    works=True,
    limit="m liars are what `[signers] need` stands up to; their signatures stay in their logs",
)
def test_as_many_liars_as_signers(world: World) -> None:
    """As many members as the policy asks for can say what is false, and are on record for it."""
    evil = world.publish(b"evil", wanted=False)
    assert world.show("bob", world.serve(evil))


@attack(
    "m - 1 members who attest the same lie, under a policy that asks for one more",
    who=f"{OPERATOR}, and m - 2 members",
    refused={READERS},
)
def test_fewer_liars_than_signers(world: World) -> None:
    """Asking for one more is what it takes to stand one more liar."""
    world.policy = world.policy.replace("need = 2", "need = 3")
    evil = world.publish(b"evil", wanted=False)
    assert not world.show("bob", world.serve(evil))


@attack(
    "an owner of the operator's own making, who signs beside the operator",
    who=OPERATOR,
    refused={READERS},
    rule="signers",
)
def test_an_owner_of_his_own_making(world: World) -> None:
    """A key for the owner of a namespace is the operator's word: what it signs makes no second member of him."""
    world.policy = world.policy.replace('need = 2\nof = "all"', "need = 2")
    owner = signer("an owner that is the operator", Scheme.ECDSA_P256)
    world.home.name("org", owner)
    world.now += 60
    world.home.time = world.now
    evil = world.home.publish("org/model", {"model.safetensors": b"evil"}, owner=owner)
    assert not world.show("bob", world.serve(evil, bundles=[world.home.attest_revision(evil)[0]]))
