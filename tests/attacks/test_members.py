"""Attacks on the list of members: forged, old, two at once, and members who go on, block, or take what is another's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.membership import (
    MEMBERS,
    ONE,
    READERS,
    REMOVED,
    SOME,
    THIEF,
    ask_everybody,
    forge,
    hand_out,
    member_attack,
)
from tests.support.simulation.actions import read_one, tell
from tests.support.simulation.calm import calm
from tests.support.simulation.simlog import SimLog
from tests.support.simulation.world import Simulation

from hanse.errors import BadFormat, BadProof, Equivocation
from hanse.flows.federation.change import Change
from hanse.model.repo import Origin
from hanse.sign.proposal import make_targets, sign_proposal

A, B, C, D, E = (Origin(f"m{number}.example") for number in range(5))
YEAR = 366 * 86_400


def _newest(world: Simulation, origin: str) -> None:
    """Let a member have the newest list, and log it as members do."""
    world.members[origin].known.trust_newest()
    world.members[origin].enact()


@member_attack("a list that one member signed alone", who=ONE, refused={READERS, MEMBERS})
def test_a_list_of_one(world: Simulation) -> None:
    """One member's signature makes no list of members, whatever its version."""
    made = forge(world, Change(remove=(B,)), [A])
    hand_out(world, world.members[A], made)
    ask_everybody(world, A)


@member_attack("fast-forward: a list of a version far ahead", who=SOME, refused={READERS, MEMBERS})
def test_fast_forward(world: Simulation) -> None:
    """A version is taken only after the one before it, so that nobody can use up the numbers."""
    signed = forge(world, Change(remove=(E,)), [])
    ahead = replace(signed, targets=make_targets(2**30, signed.files, world.lineage.newest.trusted.root.signed.expires))
    for origin in (A, B, C):
        ahead = sign_proposal(ahead, world.key(world.members[origin]))
    hand_out(world, world.members[A], ahead)
    ask_everybody(world, A)


@member_attack("rollback: an old list, to somebody who has a newer one", who=ONE)
def test_rollback(world: Simulation) -> None:
    """Nobody goes back to an older list, because he asks for the next one and keeps what he has."""
    assert world.lineage.propose(Change(remove=(E,)), [A, B, C])
    for one in (A, B):
        _newest(world, one)
    ask_everybody(world, B)
    ask_everybody(world, C)
    for reader in world.readers:
        assert reader.known.federation == world.lineage.newest


@member_attack("freeze: the newest list is held back", who=ONE, limit="who asks nobody else keeps the old list until it expires")
def test_freeze(world: Simulation) -> None:
    """A member who holds back a version keeps it from those only who ask nobody else."""
    assert world.lineage.propose(Change(remove=(E,)), [A, B, C])
    _newest(world, A)
    first, second = world.readers
    first.update(B)
    second.update(B, A)
    assert E in first.members
    assert E not in second.members


@pytest.mark.soak
@member_attack("the newest list is withheld from a reader by whomever he asks for it", who=ONE)
def test_a_withheld_list(world: Simulation) -> None:
    """The logs of as many as can make a list name it in the evidence that he reads: after a day he is refused."""
    for member in world.alive():
        tell(world, member, b"weights")
    reader = world.readers.pop(0)
    assert world.lineage.propose(Change(), [A, B, C])
    for one in (A, B, C):
        _newest(world, one)
    world.time[0] += 2 * 86_400
    calm(world)
    assert read_one(world, reader, world.members[A], world.members[A]) is False
    assert "list: 5 members' logs name version" in str(reader.refused[-1])
    reader.update(B)
    assert read_one(world, reader, world.members[A], world.members[A])


@member_attack("a list that has expired", who=ONE, size=3, limit="nothing is read until somebody has a newer list")
def test_stale(world: Simulation) -> None:
    """An expired list vouches for nothing, and nobody falls back to a first contact; a newer one mends it."""
    tell(world, world.members[A], b"weights")
    world.time[0] += YEAR
    with pytest.raises(BadProof, match="expired"):
        read_one(world, world.readers[0], world.members[A], world.members[A])
    assert world.lineage.propose(Change(), [A, B])
    assert calm(world) == 1


@member_attack(
    "two lists of one version, both signed by a threshold",
    who=SOME,
    limit="whoever compares has both as proof of who signed twice; each reader keeps the one that he has",
)
def test_two_lists_of_one_version(world: Simulation) -> None:
    """Who has one of two lists of a version refuses the other; both together prove who signed twice."""
    other = forge(world, Change(remove=(D,)), [B, C, D])
    assert world.lineage.propose(Change(remove=(E,)), [A, B, C])
    _newest(world, A)
    ask_everybody(world, A)
    for reader in world.readers:
        with pytest.raises(Equivocation, match="two targets files of version") as told:
            reader.known.federation.trusted.with_targets(other.targets)
        assert told.value.evidence == (world.lineage.newest.trusted.targets_data, other.targets)


@member_attack("stolen keys, fewer than the threshold: everybody else is taken off", who=THIEF, refused={READERS, MEMBERS})
def test_stolen_keys_below_the_threshold(world: Simulation) -> None:
    """Two of five keys change neither who decides nor who is a member, even if the new root asks for less."""
    taken = [world.lineage.keys[one].public.fingerprint for one in (C, D, E)]
    made = forge(world, Change(remove=(C, D, E), retire=tuple(taken), need=1), [A, B])
    hand_out(world, world.members[A], made)
    ask_everybody(world, A)


@member_attack(
    "stolen keys, as many as the threshold",
    who=SOME,
    works=True,
    limit="a threshold decides; every member's log has the version, so that it is seen",
)
def test_stolen_keys_at_the_threshold(world: Simulation) -> None:
    """Three of five keys are the federation; what they sign is in everybody's log as soon as it is followed."""
    made = forge(world, Change(remove=(E,)), [A, B, C])
    hand_out(world, world.members[A], made)
    ask_everybody(world, A)
    assert all(E not in reader.members for reader in world.readers)


@member_attack("a removed member goes on cosigning", who=REMOVED, size=4, limit="who has the old list still counts him")
def test_a_removed_member_goes_on(world: Simulation) -> None:
    """A cosignature of somebody who was taken off the list counts no more for who has the new list."""
    key = world.lineage.keys.pop(D)
    assert world.lineage.propose(Change(remove=(D,), retire=(key.public.fingerprint,), need=2), [A, B, C])
    publisher = world.members[A]
    tell(world, publisher, b"weights")
    world.network.down.add(C)
    present = [world.members[one] for one in (A, B, D)]
    for _ in range(2):  # whether they warn of it, as others cosigned it, is a part of what a reader asks for
        for one in present:
            for other in present:
                if other is not one:
                    one.follow(other.origin)
        for one in present:
            one.gather()
    first, second = world.readers
    first.known.trust_newest()
    assert read_one(world, first, publisher, publisher) is False
    assert read_one(world, second, publisher, publisher) is True


@member_attack("a member answers nobody, cosigns nothing and signs no change", who=ONE, size=4)
def test_one_member_blocks_nothing(world: Simulation) -> None:
    """Without one member everybody else publishes, is cosigned, is read, and changes the list."""
    world.members[B].gone = True
    world.network.down.add(B)
    for member in world.alive():
        tell(world, member, b"weights")
    assert calm(world) == 3
    key = world.lineage.keys.pop(B)
    assert world.lineage.propose(Change(remove=(B,), retire=(key.public.fingerprint,), need=2), [A, C, D])
    ask_everybody(world, A)


@member_attack("a member hands out no list and no later version", who=ONE)
def test_one_member_hides_the_list(world: Simulation) -> None:
    """A member who answers 404 to everything about the federation keeps nobody from the others' answers."""
    world.members[A].known.silent = True
    assert world.lineage.propose(Change(remove=(E,)), [B, C, D])
    _newest(world, C)
    ask_everybody(world, A, C)
    assert all(E not in reader.members for reader in world.readers)


@member_attack("a namespace of another member is asked for", who=ONE)
def test_a_hijacked_namespace(world: Simulation) -> None:
    """A namespace is one member's: a list in which two have it is none, so nobody can sign it by mistake."""
    greedy = replace(world.members[B].listed, namespaces=("m0", "m1"))
    request = world.lineage.request(greedy, world.key(world.members[B]), world.members[B].log.log_signer)
    with pytest.raises(BadFormat, match="namespace m0 is listed twice"):
        world.lineage.propose(Change(add=(request,)), [A, B, C])


@member_attack("the name of a member is taken: another log under its origin", who="whoever has its address now", size=3)
def test_a_name_that_somebody_else_took(world: Simulation) -> None:
    """Who gets hold of a member's address has not its keys: neither cosigners nor readers take his log for the member's."""
    victim = world.members[A]
    stranger = SimLog(A, world.now)
    stranger.log_signer = stranger.key("a stranger's log")
    stranger.put(b"evil", world.now)
    victim.branches.append(stranger)
    victim.shown = dict.fromkeys([*world.members, *(one.name for one in world.readers)], stranger)
    victim.log = stranger
    victim.gather()
    assert read_one(world, world.readers[0], victim, victim) is False
