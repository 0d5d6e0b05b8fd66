"""Attacks on warnings: advisories that are kept from readers, invented, or shown after they were taken back."""

from __future__ import annotations

from pathlib import Path

from tests.support.attacks import CARRIER, READERS, attack
from tests.support.evidence import Revision
from tests.support.federation import World
from tests.support.warning import serve, statement, take_back, warn

from hanse.errors import PolicyError
from hanse.model.decision import Result

A, B, C, D = "a.example", "b.example", "c.example", "d.example"
STRICT = '[advisories]\nneed = 2\nmaps = "quorum"\nstale = "refuse"\n[groups.all]'
"""Two block; so four of five maps have to be known, as the preset `strict` has it."""


def begin(world: World, *, strict: bool = False) -> Revision:
    """Publish a revision, let every member have maps, and let readers ask for them if `strict`."""
    if strict:
        world.policy = world.policy.replace("[groups.all]", STRICT)
    revision = world.publish(b"1")
    for one in world.members.values():
        one.time = world.now
        one.snapshot()
    assert world.show("alice", serve(world, revision, {})), world.errors()
    return revision


def refusals(world: World) -> set[str]:
    """Return which rules of the policy refused something."""
    errors = [error for one in world.readers.values() for _, error in one.refused]
    return {line.partition(":")[0] for error in errors if isinstance(error, PolicyError) for line in error.failed}


def warnings(world: World, reader: str) -> set[str]:
    """Return which rules warned a reader of what he accepted last."""
    decision = world.readers[reader].accepted[-1][2].decision
    return {one.rule for one in decision.results if one.result is Result.WARNED}


@attack("the publisher's own advisory is kept from a reader", who=CARRIER, refused={READERS})
def test_a_withheld_advisory_of_the_publisher(world: World) -> None:
    """The publisher's own word refuses, so that his list is asked for though all others are there, and one may be missing."""
    revision = begin(world, strict=True)
    said = warn(world.home, statement(revision))
    assert not world.show("bob", serve(world, revision, {}))
    assert refusals(world) == {"advisories"}
    assert not world.show("carol", serve(world, revision, {A: said}))
    assert refusals(world) == {"advisories", "advised"}


@attack(
    "advisories of as many members as refuse are kept from a reader",
    who=CARRIER,
    refused={READERS},
    limit="`open` and `careful` only warn of it",
)
def test_withheld_advisories_of_members(world: World) -> None:
    """Whoever leaves out logs of those who warn shows too few maps, also if one of them is heard: each that is missing counts."""
    revision = begin(world, strict=True)
    said = {name: warn(world.members[name], statement(revision)) for name in (C, D)}
    assert not world.show("bob", serve(world, revision, said, but=(C, D)))
    assert refusals(world) == {"advisories"}
    assert not world.show("carol", serve(world, revision, said, but=(D,)))
    assert refusals(world) == {"advisories"}
    assert not world.show("dave", serve(world, revision, said))
    assert refusals(world) == {"advisories", "advised"}


def test_withheld_advisories_under_a_policy_that_lets_them_be(tmp_path: Path) -> None:
    """Who asks for the maps of three of five, or for none, takes what two warn of and hears nothing: a way."""
    for number, changed in enumerate((('maps = "quorum"', "maps = 3"), ('stale = "refuse"', 'stale = "allow"'))):
        (tmp_path / str(number)).mkdir()
        world = World(tmp_path / str(number))
        revision = begin(world, strict=True)
        world.policy = world.policy.replace(*changed)
        said = {name: warn(world.members[name], statement(revision)) for name in (C, D)}
        assert world.show("bob", serve(world, revision, said, but=(C, D))), world.errors()
        assert not warnings(world, "bob") & {"advisories", "advised"}


@attack(
    "an advisory that is not true",
    who="another member",
    limit="as many members as `[advisories] need` says refuse, whatever is true",
)
def test_an_invented_advisory(world: World) -> None:
    """One member's word warns, and blocks nobody."""
    revision = begin(world, strict=True)
    said = warn(world.members[C], statement(revision))
    assert world.show("bob", serve(world, revision, {C: said}))
    assert warnings(world, "bob") >= {"advised"}


@attack("an advisory that no log has is added to what is shown", who=CARRIER)
def test_an_added_advisory(world: World) -> None:
    """A list with one too many is none: the advisory is not heard, not even as the publisher's."""
    revision = begin(world)
    assert world.show("bob", serve(world, revision, {A: {"HANSE-2027-9": statement(revision, "HANSE-2027-9")}}))
    assert "advised" not in warnings(world, "bob")


@attack("an advisory is shown after it was taken back", who=CARRIER)
def test_a_withdrawn_advisory(world: World) -> None:
    """What was taken back is in the log's map no more, so nobody can hold it up."""
    revision = begin(world, strict=True)
    said = warn(world.home, statement(revision))
    world.now += 60
    world.home.time = world.now
    take_back(world.home, statement(revision))
    assert world.show("bob", serve(world, revision, {A: said}))
    assert "advised" not in warnings(world, "bob")
