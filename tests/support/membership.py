"""Attacks on a federation's membership: each test says who attacks and who refuses, and is held to it.

They happen in the simulated federation, of five members of whom three decide, with two readers. docs/attacks.md has the table,
made from what is declared here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from tests.support.simulation.checks import check_world
from tests.support.simulation.lineage import NAME
from tests.support.simulation.member import SimMember
from tests.support.simulation.world import Simulation, make_template

from hanse.flows.federation.change import Change, propose
from hanse.flows.federation.kept import Federation
from hanse.sign.federation import ROOT, TARGETS
from hanse.sign.proposal import Proposal, sign_proposal

READERS, MEMBERS = "readers", "members"
ONE, THIEF, SOME, REMOVED = "one member", "a thief of keys below the threshold", "a threshold of members", "a removed member"
Attack = Callable[[Simulation], None]
Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(frozen=True)
class Row:
    """One attack. refused: who noticed something that cannot be true; limit: what it does not cover."""

    what: str
    who: str
    prevented: bool
    refused: frozenset[str]
    limit: str
    test: str


ROWS: dict[str, Row] = {}
"""Of `member_attack`."""
SHOWN: dict[str, Row] = {}
"""Of `shown`."""


def shown(what: str, *, who: str, works: bool = False, limit: str = "") -> Callable[[Test], Test]:
    """Put a test of the simulation into the table of what liars can do there; that it holds the test itself says."""

    def made(test: Test) -> Test:
        name = f"{Path(test.__code__.co_filename).name}::{test.__name__}"
        SHOWN[name] = Row(what, who, not works, frozenset(), limit, name)
        return test

    return made


def member_attack(
    what: str, *, who: str, refused: Iterable[str] = (), works: bool = False, limit: str = "", size: int = 5
) -> Callable[[Attack], Callable[[Path], None]]:
    """Make a test of an attack on the membership of a federation.

    what, who, limit: for the table; refused: who must have seen something false; works: the attack succeeds.
    """

    def made(test: Attack) -> Callable[[Path], None]:
        name = f"{Path(test.__code__.co_filename).name}::{test.__name__}"
        ROWS[name] = row = Row(what, who, not works, frozenset(refused), limit, name)

        @wraps(test)
        def run(tmp_path: Path) -> None:
            world = Simulation(tmp_path, make_template(tmp_path), size, liars=0)
            try:
                test(world)
                if not works:
                    check_world(world)
                assert refused_by(world) == row.refused
            finally:
                world.close()

        del run.__wrapped__  # pytest must see the argument of `run`
        return run

    return made


def refused_by(world: Simulation) -> set[str]:
    """Return who was shown metadata that cannot be true, and said so."""
    found = {READERS} if any(one.known.wrong for one in world.readers) else set()
    return found | ({MEMBERS} if any(one.known.wrong for one in world.members.values()) else set())


def forge(world: Simulation, wanted: Change, by: Iterable[str], base: Federation | None = None) -> Proposal:
    """Return what these members sign besides everybody else."""
    made = propose(base or world.lineage.newest, wanted, world.now)
    for origin in by:
        made = sign_proposal(made, world.key(world.members[origin]))
    return made


def hand_out(world: Simulation, member: SimMember, made: Proposal, *, root: int = 0, targets: int = 0) -> None:
    """Let a member hand out metadata of its own making, under these versions or the next ones."""
    trusted = world.lineage.newest.trusted
    if made.root:
        member.known.forged[f"{NAME}/{ROOT}/{root or trusted.root_version + 1}.json"] = made.root
    if made.targets:
        member.known.forged[f"{NAME}/{TARGETS}/{targets or trusted.targets_version + 1}.json"] = made.targets
    world.lineage.files |= {sha256(data).hexdigest(): data for data in made.files.values()}


def ask_everybody(world: Simulation, *names: str) -> None:
    """Let readers and all other members look for the newest list at these members."""
    for reader in world.readers:
        reader.update(*names)
    for member in world.members.values():
        if member.origin not in names:
            member.learn(*names)
