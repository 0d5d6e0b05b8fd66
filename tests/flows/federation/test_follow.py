"""Walking to the newest state of a federation over web servers that have it, hold something back, or lie."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.support.fileserver import serving
from tests.support.founders import NAME, Founder, changed, founded, founders

from hanse.errors import BadFormat, BadSignature, NotFoundError
from hanse.flows.federation.change import Change, begin
from hanse.flows.federation.follow import meet, update, walk
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.peers.client import PeerClient


class World:
    """A federation of three after two changes, and servers with what they have of it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.people = founders(3)
        first = self.people[0]
        one = begin(NAME, first.member, first.own, 1_800_000_000)
        two = changed(one, Change(add=(self.people[1].request(),), need=2), *self.people[:2])
        three = changed(two, Change(add=(self.people[2].request(),)), *self.people)
        self.states = [one, two, three, changed(three, Change(policy='policy = 1\nbase = "careful"\n'), *self.people[1:])]
        self.client = stack.enter_context(closing(PeerClient(seconds=60)))
        self._stack = stack

    def server(self, name: str, states: list[Federation]) -> tuple[str, Path]:
        """Return the address of a server that has kept these states, and the folder of its files."""
        files = FederationFiles(self.folder / name / "federation")
        for state in states:
            files.keep(state)
        self.list(files)
        return self._stack.enter_context(serving(self.folder / name)), files.folder

    def list(self, files: FederationFiles) -> None:
        """Write the list that the server answers."""
        (files.folder / "index.json").write_text(json.dumps(files.listed()))

    def reader(self) -> FederationFiles:
        """Return a reader's folder."""
        return FederationFiles(self.folder / "reader")


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def test_meeting_and_walking(world: World) -> None:
    """A reader who has compared the fingerprint of the first root is led to the newest state, and can lead others."""
    url, _ = world.server("good", world.states)
    newest = world.states[-1]
    found = meet(world.client, world.reader(), url, newest.first)
    assert (found.trusted.root_version, found.trusted.targets_version, found.files) == (3, 4, newest.files)
    assert world.reader().load(NAME).files == newest.files
    assert [world.reader().root(NAME, version) is not None for version in (1, 2, 3)] == [True] * 3
    assert update(world.client, world.reader(), NAME, [url]).wrong == {}


def test_a_wrong_fingerprint(world: World) -> None:
    """Another federation under this name, too short a fingerprint, and a first root that is another one, are not trusted."""
    url, folder = world.server("good", world.states)
    with pytest.raises(NotFoundError):
        meet(world.client, world.reader(), url, "0" * 64)
    with pytest.raises(BadFormat):
        meet(world.client, world.reader(), url, world.states[0].first[:31])
    thief = Founder(world.people[0].origin)
    root = begin(NAME, thief.member, thief.own, 1_800_000_000).trusted.root_data
    (folder / NAME / "root" / "1.json").write_bytes(root)
    with pytest.raises(BadSignature):
        meet(world.client, world.reader(), url, world.states[0].first)
    assert world.reader().names() == []


def test_held_back_dead_and_false_servers(world: World) -> None:
    """One server holds the newest back, one is dead, one shows a false root: the walk goes on over the others, and says so."""
    old, _ = world.server("old", world.states[:2])
    good, _ = world.server("good", world.states)
    bad, folder = world.server("bad", world.states)
    (folder / NAME / "root" / "3.json").write_bytes(founded(founders(3), 2).trusted.root_data)
    reader = world.reader()
    reader.keep(world.states[1])
    trip = walk(world.client, world.states[1], [old, "http://127.0.0.1:9", bad, good], reader)
    assert trip.federation.files == world.states[-1].files
    assert set(trip.wrong) == {bad}
    assert len(trip.down) == 1


def test_who_was_away_for_long(world: World) -> None:
    """Lists that a former threshold signed are taken on the way to the newest, although the present one asks for more."""
    people = founders(5)
    first, second = people[:2]
    states = [begin(NAME, first.member, first.own, 1_800_000_000)]
    states.append(changed(states[-1], Change(add=(second.request(),), need=2), first, second))
    states.append(changed(states[-1], Change(add=(people[2].request(),)), first, second))
    states.append(changed(states[-1], Change(policy='policy = 1\nbase = "careful"\n'), first, second))
    states.append(changed(states[-1], Change(add=tuple(one.request() for one in people[3:]), need=4), *people))
    url, _ = world.server("good", states)
    for state in states:
        trip = walk(world.client, state, [url], world.reader())
        assert trip.wrong == {}
        assert trip.federation.files == states[-1].files


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: [path.write_bytes(b"x") for path in (folder / NAME / "files").iterdir()],
        lambda folder: shutil.rmtree(folder / NAME / "files"),
        lambda folder: (folder / NAME / "targets" / "4.json").write_bytes(b"{}"),
    ],
)
def test_nothing_false_is_kept(world: World, spoil: Callable[[Path], object]) -> None:
    """Files that are not the listed ones, are missing or do not parse change nothing of what was trusted."""
    url, folder = world.server("bad", world.states)
    reader = world.reader()
    reader.keep(world.states[0])
    spoil(folder)
    trip = update(world.client, reader, NAME, [url])
    assert list(trip.wrong) == [url]
    assert reader.load(NAME).files == world.states[0].files
