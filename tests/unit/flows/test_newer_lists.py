"""Newer lists that logs in an evidence file name: as many members as can make one are believed, and nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from tests.support.evidence import NOW, Member
from tests.support.verifying import World, make_world, preset, verify

from hanse.errors import PolicyError
from hanse.flows.newer_lists import newest_of
from hanse.flows.trust import KnownList, Trust
from hanse.flows.verify import VerifiedRevision
from hanse.model.digest import Sha256
from hanse.model.leaf_fields import Payload
from hanse.model.trust_leaf import MemberLeaf, MemberRole

FIRST, OTHER = Sha256("ab" * 32), Sha256("cd" * 32)
DAY = 86_400


@pytest.fixture(name="world")
def _world() -> World:
    return make_world()


def say(member: Member, version: int, of: Sha256 | None = FIRST, *, age: int = 0, role: MemberRole = MemberRole.TARGETS) -> int:
    """Log a version of a list and return the leaf's index."""
    return member.append(MemberLeaf(NOW - age, role, version, Payload(Sha256("12" * 32), 100), of))


def read(world: World, said: Iterable[tuple[Member, int]], policy: str = "careful") -> VerifiedRevision:
    """Verify the publisher's evidence with these leaves of other logs, as a member of a federation whose list is at version 3."""
    world.a.snapshot()
    people = [world.a, world.b, world.c]
    logs = [one.shown([index], one.checkpoint([other for other in people if other is not one])) for one, index in said]
    data = world.a.evidence(world.revision, world.checkpoint(), logs)
    names = frozenset(one.origin for one in people)
    known = KnownList("models.example", FIRST, names, {"root": 1, "targets": 3}, 2)
    return verify(data, replace(world.trust(), lists=(known,)), preset(policy))


def test_two_of_three_name_a_newer_list(world: World) -> None:
    """It is told of with those who say so, the time since when, and the newest version that so many name."""
    said = [(world.b, say(world.b, 5, age=300)), (world.c, say(world.c, 4, age=200))]
    (found,) = read(world, said).facts.newer
    assert (found.federation, found.role, found.known, found.version) == ("models.example", "targets", 3, 4)
    assert (found.members, found.since) == (("b.example", "c.example"), NOW - 200)


def test_a_withheld_list_is_refused_after_a_while(world: World) -> None:
    """Beyond the time that a policy lets cosignatures be old, `careful` refuses and `open` warns."""
    said = [(one, say(one, 4, age=3 * DAY)) for one in (world.b, world.c)]
    with pytest.raises(PolicyError, match=r"list: 2 members' logs name version 4 of targets of models\.example; here is 3"):
        read(world, said)
    assert "list" in {one.rule for one in read(world, said, "open").decision.warnings}


def test_what_one_log_says_blocks_nobody(world: World) -> None:
    """A false leaf of one member, many of it, leaves of no or another federation, and old versions refuse nothing."""
    b = world.b
    for said in ([say(b, 999, age=9 * DAY)], [say(b, 4, age=9 * DAY), say(b, 4, OTHER, age=9 * DAY)]):
        assert read(world, [(b, index) for index in said[-1:]]).facts.newer == ()
    for of, version in ((None, 9), (OTHER, 9), (FIRST, 3)):
        both = [(one, say(one, version, of, age=9 * DAY)) for one in (world.b, world.c)]
        assert read(world, both).facts.newer == ()
    other_role = [(world.b, say(b, 9, role=MemberRole.ROOT)), (world.c, say(world.c, 9))]
    assert read(world, other_role).facts.newer == ()


def test_strangers_say_nothing(world: World) -> None:
    """Only members' logs count, whatever else an evidence file shows."""
    strangers = [Member("d.example"), Member("e.example")]
    said = [(one, say(one, 9, age=9 * DAY)) for one in strangers]
    logs = [one.shown([index]) for one, index in said]
    data = world.a.evidence(world.revision, world.checkpoint(), logs)
    known = KnownList("models.example", FIRST, frozenset({world.a.origin}), {"root": 1, "targets": 3}, 2)
    trust = Trust(logs={one.origin: (one.vkey,) for one in (world.a, *strangers)}, lists=(known,))
    assert verify(data, trust).facts.newer == ()


def test_the_newest_of_each_federation_are_shown() -> None:
    """Of each federation and role one leaf is worth showing; first versions, and leaves that name no federation, are not."""
    told = [(1, FIRST, "targets", 1), (2, FIRST, "targets", 2), (3, FIRST, "targets", 4), (4, FIRST, "targets", 3)]
    assert newest_of([*told, (5, OTHER, "targets", 2), (6, "", "targets", 9), (7, FIRST, "root", 2)]) == {3, 5, 7}
    assert newest_of([]) == set()
