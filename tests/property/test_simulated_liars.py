"""How many liars readers' policies stand: as many as the arithmetic says for each log, and one more is one too many."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.membership import shown
from tests.support.simulation.actions import attest_one, check_read, follow_one, read_one, tell
from tests.support.simulation.calm import calm
from tests.support.simulation.checks import check_taken
from tests.support.simulation.member import SimMember
from tests.support.simulation.reader import DAY, SimReader, faulty, quorum
from tests.support.simulation.warnings import invent, warn_of
from tests.support.simulation.world import Simulation, corrupt, make_template


@pytest.fixture(name="quiet", autouse=True)
def _quiet() -> Iterator[None]:
    """Let members not log how often they cannot reach each other."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(name="template", scope="module")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the catalogue that every member begins with."""
    return make_template(tmp_path_factory.mktemp("template"))


def two_stories(world: Simulation, liars: int) -> list[bool]:
    """Let a member show its log in two ways, with so many liars among those who cosign it; return which of two readers believe.

    Each honest cosigner is shown one of the two; the first half of them the first.
    """
    publisher, *helpers = (world.members[f"m{number}.example"] for number in range(1, liars + 2))
    corrupt([publisher, *helpers])
    publisher.log.put(b"first", world.now)
    other = publisher.log.fork()
    said = publisher.log.put(b"one story", world.now), other.put(b"another story", world.now)
    publisher.branches.append(other)
    for one in helpers:
        for revision in said:
            one.log.second(revision, world.now)
    honest = world.honest()
    for one in honest[(len(honest) + 1) // 2 :]:
        publisher.shown[one.origin] = other
    publisher.shown[world.readers[1].name] = other
    for one in (*honest, publisher):
        for origin in world.members:
            if origin != one.origin:
                follow_one(world, one, origin)
    for one in (publisher, *helpers, *honest):
        one.gather()
    for one in (*helpers, *honest):
        follow_one(world, publisher, one.origin)
    return [_believes(world, reader, publisher) for reader in world.readers]


def _believes(world: Simulation, reader: SimReader, publisher: SimMember) -> bool:
    bag = world.carry(publisher, publisher.origin, reader)
    assert bag is not None
    found = reader.read(publisher.log.repo(publisher.log.model), bag, world.now)
    if found is not None:
        check_taken(world, reader.taken[-1], reader)
    return found is not None


@shown(
    "two stories of one log, with the help of f of those who cosign it",
    who="a member, and f others",
    limit="one of two readers believes his, the other none",
)
@pytest.mark.parametrize("size", [5, pytest.param(8, marks=pytest.mark.soak)])
def test_two_stories(tmp_path: Path, template: Path, size: int) -> None:
    """As many liars as the policy stands among a liar's cosigners make one reader believe him, never two in two stories."""
    world = Simulation(tmp_path, template, size, 0)
    assert two_stories(world, faulty(size)).count(True) == 1
    world.close()


@shown(
    "two stories of one log, with the help of f + 1 of those who cosign it",
    who="a member, and f + 1 others",
    works=True,
    limit="whoever compares has the proof",
)
@pytest.mark.parametrize("size", [5, pytest.param(8, marks=pytest.mark.soak)])
def test_one_liar_too_many(tmp_path: Path, template: Path, size: int) -> None:
    """With one more, two readers believe two stories, and the check of the simulation finds it."""
    world = Simulation(tmp_path, template, size, 0)
    with pytest.raises(AssertionError, match="two revisions at seq 2 of m1"):
        two_stories(world, faulty(size) + 1)
    world.close()


@shown(
    "silence, so that nobody is served",
    who="f members",
    limit="with f + 1 of them nobody is served after a day, and nobody is deceived",
)
@pytest.mark.soak
@pytest.mark.parametrize("size", [5, 8])
def test_silence(tmp_path: Path, template: Path, size: int) -> None:
    """As many silent members as the policy stands keep nobody from reading; one more does, and nobody is deceived by it."""
    world = Simulation(tmp_path, template, size, 0)
    publisher = world.members["m0.example"]
    tell(world, publisher, b"weights")
    silent = [world.members[f"m{number}.example"] for number in range(1, faulty(size) + 2)]
    for one in silent[:-1]:
        one.gone = True
        world.network.down.add(one.origin)
    assert calm(world) == 1
    tell(world, publisher, b"newer")
    silent[-1].gone = True
    world.network.down.add(silent[-1].origin)
    assert not world.quorate(publisher.origin)
    assert calm(world) == 0
    world.time[0] += 30 * 86_400
    assert [read_one(world, reader, publisher, publisher) for reader in world.readers] == [False, False]
    world.close()


def test_quorums_stand_that_many() -> None:
    """Any two quorums share more members than may lie, and are there without those."""
    for members in range(2, 16):
        others, liars = members - 1, faulty(members)
        assert 2 * quorum(members) - others > liars
        assert quorum(members) <= others - liars
        assert others < 3 * (liars + 1) + 1


@shown(
    "one of two warnings is left out, so that what two warn of passes for what one does",
    who="a member who carries evidence",
    limit="a reader who asks for one map takes it",
)
@pytest.mark.soak
def test_withheld_warnings(tmp_path: Path, template: Path) -> None:
    """A liar who leaves out one of two warnings makes nobody take it for one; who asks for one map does, and it is found."""
    world = Simulation(tmp_path, template, 5, 1)
    publisher, *others = (world.members[f"m{number}.example"] for number in (0, 2, 3, 4))
    reader, careless = world.readers
    careless.maps = "1"
    tell(world, publisher, b"weights")
    for one in others[:2]:
        warn_of(world, one, publisher.origin)
    calm(world)
    world.time[0] += DAY
    calm(world)
    bag = world.carry(others[2], publisher.origin, reader)
    assert bag is not None
    bag = replace(bag, logs=[one for one in bag.logs if one.origin != others[0].origin])
    bag = replace(bag, advisories=[one for one in bag.advisories if one.origin != others[0].origin])
    assert not check_read(world, reader, publisher, bag)
    failed = [line.partition(":")[0] for line in getattr(reader.refused[-1], "failed", ())]
    assert failed == ["advisories"]
    with pytest.raises(AssertionError, match=r"takes what \['m2.example', 'm3.example'\] warn of"):
        check_read(world, careless, publisher, bag)
    world.close()


@shown("warnings that are not true, to keep readers from everything", who="one member", limit="readers are warned")
@pytest.mark.soak
def test_an_invented_warning(tmp_path: Path, template: Path) -> None:
    """A liar's word, however often it is said, keeps nobody from anything."""
    world = Simulation(tmp_path, template, 5, 1)
    publisher, reader = world.members["m0.example"], world.readers[0]
    tell(world, publisher, b"weights")
    assert invent(world, lambda _: 0)
    assert invent(world, lambda _: 0)
    assert calm(world) == 1
    bag = world.carry(publisher, publisher.origin, reader)
    found = reader.read(publisher.log.repo(publisher.log.model), bag, world.now) if bag else None
    assert found is not None
    assert "advised" in {one.rule for one in found.decision.warnings}
    world.close()


@shown("two stories of a log, to keep readers from what others publish and it attests", who="one member")
@pytest.mark.soak
def test_two_stories_block_nobody(tmp_path: Path, template: Path) -> None:
    """A member who shows nodes and readers different logs keeps no reader from what another publishes, which he attested."""
    world = Simulation(tmp_path, template, 5, 1)
    liar, publisher, reader = world.members["m1.example"], world.members["m0.example"], world.readers[0]
    tell(world, publisher, b"weights")
    calm(world)
    tell(world, publisher, b"newer")
    follow_one(world, liar, publisher.origin)
    other = liar.log.fork()
    liar.branches.append(other)
    assert attest_one(world, liar, publisher.origin)
    other.carry([liar.log.log.leaves[0]])  # of the same size, which a reader is shown by the liar himself
    liar.shown[reader.name] = other
    calm(world)
    assert read_one(world, reader, publisher, publisher)
    world.close()
