"""Fetching a file: every chunk from somewhere honest, nothing false stored or given, and everything goes on after a crash."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.places import Faults, HttpPlace, RangeServer, pin_of

from hanse.errors import DigestMismatch, PeerDown, PolicyError
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Fetcher
from hanse.store.held import Held, HeldFile

MIB = 1 << 20
DATA = random.Random(11).randbytes(6 * MIB + 12345)
PIN = pin_of(DATA)
NAME = PIN.path


class World:
    """A held store, a fetcher that notes its events, and servers."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.held = stack.enter_context(Held.open(folder))
        self.events: list[Event] = []
        self.fetcher = Fetcher(self.held, report=self.events.append, tries=3, rest=0.02)
        self._stack = stack
        self.servers: list[RangeServer] = []

    def server(self, faults: Faults | None = None, data: bytes = DATA, *, stall: float = 5.0) -> HttpPlace:
        """Start a server of the file and return a place that asks it."""
        server = self._stack.enter_context(RangeServer({NAME: data}, faults or Faults()))
        self.servers.append(server)
        return HttpPlace(server.port, stall=stall)

    def told(self, kind: Kind) -> list[Event]:
        """Return the events of one kind."""
        return [one for one in self.events if one.kind is kind]


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path / "held", stack)


def content(file: HeldFile | None) -> bytes:
    """Return the bytes of a held file."""
    assert file is not None
    return file.path.read_bytes()


@pytest.mark.parametrize("count", [1, 4])
def test_a_file_comes_whole(world: World, count: int) -> None:
    """A file from one place, or from four, is the pinned one and is held under its digests."""
    fetch = world.fetcher.open(PIN, [world.server() for _ in range(count)])
    file = fetch.wait(60)
    assert content(file) == DATA
    assert file is not None
    assert (file.sha256, file.xet) == (PIN.sha256, PIN.xet)
    assert sum(fetch.sources.values()) >= len(DATA)


def test_readers_stream(world: World) -> None:
    """A reader gets any range while the file comes, in order and true."""
    fetch = world.fetcher.open(PIN, [world.server(Faults(rate=4 * MIB))])
    assert fetch.settle(30)
    assert fetch.streamable
    assert b"".join(fetch.read(5 * MIB + 3, 5 * MIB + 70000)) == DATA[5 * MIB + 3 : 5 * MIB + 70000]
    assert fetch.progress[0] < len(DATA)
    assert b"".join(fetch.read(0, len(DATA))) == DATA


@pytest.mark.parametrize("sizes", [0, 1, 100, 300_000, 3 * MIB])
@pytest.mark.parametrize("lfs", [True, False])
def test_without_chunk_list(world: World, sizes: int, *, lfs: bool) -> None:
    """A file of any size without a xet hash is staged whole, checked by its other digests, and held."""
    data = DATA[:sizes]
    pin = pin_of(data, lfs=lfs, sha256=lfs, xet=False)
    fetch = world.fetcher.open(pin, [world.server(data=data)])
    assert b"".join(fetch.read(0, sizes)) == data
    assert content(fetch.wait(30)) == data


def test_a_liar_is_cut_off(world: World) -> None:
    """A false chunk is fetched from another place; its sender is named and asked for nothing more."""
    liar, honest = world.server(Faults(all_wrong=True)), world.server()
    assert content(world.fetcher.open(PIN, [liar, honest]).wait(60)) == DATA
    (lie,) = world.told(Kind.LIE)
    assert (lie.place, lie.path) == (liar.name, NAME)
    assert lie.chunk is not None


def test_only_liars(world: World) -> None:
    """If every place lies, the fetch fails with their names, and nothing is held."""
    liars = [world.server(Faults(wrong=frozenset({at}))) for at in (5, 5)]
    with pytest.raises(DigestMismatch) as failed:
        world.fetcher.open(PIN, liars).wait(60)
    assert all(one.name in failed.value.message for one in liars)
    assert world.held.find(PIN) is None


def test_nobody_is_there(world: World) -> None:
    """If no place can be reached the error says so and does not speak of lies."""
    with pytest.raises(PeerDown, match="cannot be fetched"):
        world.fetcher.open(PIN, [world.server(Faults(dead=True))]).wait(60)
    assert not world.told(Kind.LIE)


def test_a_judge_comes_first(world: World) -> None:
    """With a judge nothing streams; what it refuses is not given, and stays held."""
    seen = list[HeldFile]()

    def judge(file: HeldFile) -> None:
        seen.append(file)
        raise PolicyError("refused")

    fetch = world.fetcher.open(PIN, [world.server()], judge=judge)
    with pytest.raises(PolicyError):
        next(fetch.read(0, 10))
    assert not fetch.streamable
    assert content(seen[0]) == DATA
    assert world.held.find(PIN) is not None
