"""Members who lie together: how many it takes, and who notices."""

from __future__ import annotations

from tests.support.attacks import OPERATOR, READERS, attack
from tests.support.federation import World


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
