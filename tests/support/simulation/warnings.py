"""Advisories in the simulation: honest members warn and take it back, liars invent warnings and keep them from readers.

Their steps come from a generator of their own, so that a seed is the same history of everything else as without them.
"""

from __future__ import annotations

from dataclasses import replace

from tests.support.simulation.actions import Action, check_read
from tests.support.simulation.lies import ACTIONS
from tests.support.simulation.member import SimMember
from tests.support.simulation.reader import Bag
from tests.support.simulation.world import Choose, Simulation, Warned
from tests.support.warning import statement

MOST_WARNINGS = 2
"""Of one member, in force at a time."""


def _one(members: list[SimMember], choose: Choose) -> SimMember | None:
    return members[choose(len(members))] if members else None


def warn(world: Simulation, choose: Choose) -> bool:
    """Let an honest member warn of a revision of somebody, or of all of them."""
    member = _one(world.helpful(), choose)
    told = [origin for origin in world.truth if origin in world.lineage.newest.members.members]
    if member is None or not told or len(member.log.said) >= MOST_WARNINGS:
        return False
    warn_of(world, member, told[choose(min(2, len(told)))], back=choose(3) // 2, alone=bool(choose(8)))
    return True


def warn_of(world: Simulation, member: SimMember, publisher: str, *, back: int = 0, alone: bool = True) -> None:
    """Let a member warn of what a publisher published last, or before that; alone: not of all its revisions."""
    told = world.truth[publisher]
    revision = told[max(0, len(told) - 1 - back)].revision
    name = f"HANSE-{len(world.warned) + 1}"
    member.log.issue(name, statement(revision, name, alone=alone), world.now)
    made = Warned(member.origin, name, publisher, revision.rev if alone else "", len(member.log.log.leaves))
    world.warned.append(made)


def take_back(world: Simulation, choose: Choose) -> bool:
    """Let an honest member take a warning back."""
    able = {str(one.origin) for one in world.helpful()}
    there = [one for one in world.warned if one.ended is None and one.by in able]
    if there:
        one = there[choose(len(there))]
        one.ended = world.now
        world.members[one.by].log.take_back(one.name, world.now)
    return bool(there)


def invent(world: Simulation, choose: Choose) -> bool:
    """Let a liar warn of everything that an honest member publishes."""
    liar = _one([one for one in world.present() if one.corrupt], choose)
    told = list(world.truth.values())
    if liar is None or not told or len(liar.log.said) >= MOST_WARNINGS:
        return False
    name = f"HANSE-{liar.origin}-{len(liar.log.log.leaves)}"
    liar.log.issue(name, statement(told[choose(len(told))][-1].revision, name), world.now)
    return True


def withhold(world: Simulation, choose: Choose) -> bool:
    """Let a liar show a reader what there is, but for advisories, or whole logs, that it leaves out."""
    liar = _one([one for one in world.present() if one.corrupt], choose)
    publisher = _one([world.members[origin] for origin in world.truth], choose)
    reader = world.readers[choose(len(world.readers))]
    if liar is None or publisher is None or not world.network.reaches(reader.name, liar.origin):
        return False
    bag = world.carry(liar, publisher.origin, reader)
    return bag is not None and check_read(world, reader, publisher, without(bag, choose)) is not None


def without(bag: Bag, choose: Choose) -> Bag:
    """Return what is carried without some lists of advisories, and without some logs that nobody's signature needs."""
    lists = [one for one in bag.advisories if choose(2)]
    logs = [one for number, one in enumerate(bag.logs) if number == 0 or choose(4)]
    shown = {one.origin for one in logs}
    return replace(bag, logs=logs, advisories=lists, maps=[one for one in bag.maps if one.origin in shown])


WARNINGS: dict[str, Action] = {"warn": warn, "take back": take_back}
INVENTED: dict[str, Action] = {"lie: invented advisory": invent, "lie: withheld advisory": withhold}
EVERY = ACTIONS | WARNINGS | INVENTED
