"""Fetching a file: every chunk from somewhere honest, nothing false stored or given, and everything goes on after a crash."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from tests.support.places import Faults, HttpPlace, RangeServer, pin_of
from tests.support.served import until
from tests.support.simplace import Halting, SimPlace, true_list

from hanse.errors import BadRange, Busy, DigestMismatch, PeerDown, PolicyError
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Apart, Fetch, Fetcher
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin
from hanse.store.held import Held, HeldFile

ROOT = Path(__file__).resolve().parents[2]
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


@dataclass(frozen=True)
class Watched:
    """A place; `asked` gets the path of every file whose chunk list it is asked for."""

    place: HttpPlace
    asked: list[str]

    @property
    def name(self) -> str:
        """Host and port."""
        return self.place.name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes of a file."""
        return self.place.read(pin, start, end)

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file."""
        self.asked.append(pin.path)
        return self.place.chunk_list(pin)


class Passing(SimPlace):
    """A place that is wrong once: what it gave wrong it gives right when it is asked again."""

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes of the file."""
        pieces = list(super().read(pin, start, end))
        self.wrong -= set(range(start, end))
        yield from pieces


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


def test_one_place_is_not_asked_for_a_chunk_list(world: World) -> None:
    """Where a judge waits for the whole, its SHA-256 is pinned and one place has it, a chunk list is of no use: nobody asks."""
    place, asked = world.server(), list[str]()
    watched = Watched(place, asked)
    assert content(world.fetcher.open(PIN, [watched], judge=lambda _: None).wait(60)) == DATA
    assert asked == []


@pytest.mark.parametrize("what", ["no judge", "two places", "no digest"])
def test_a_chunk_list_is_asked_for_where_it_helps(world: World, what: str) -> None:
    """A reader who may have chunks at once, a second place, or no other digest: each makes a chunk list worth having."""
    asked = list[str]()
    places = [Watched(world.server(), asked) for _ in range(2 if what == "two places" else 1)]
    pin = replace(PIN, sha256=None) if what == "no digest" else PIN
    judge = None if what == "no judge" else lambda _: None
    assert content(world.fetcher.open(pin, places, judge=judge).wait(60)) == DATA
    assert asked


def test_readers_stream(world: World) -> None:
    """A reader gets any range while the file comes, in order and true."""
    fetch = world.fetcher.open(PIN, [world.server(Faults(hold=len(DATA) - MIB // 4), stall=60)])
    assert fetch.settle(60)
    assert fetch.streamable
    assert b"".join(fetch.read(5 * MIB + 3, 5 * MIB + 70000)) == DATA[5 * MIB + 3 : 5 * MIB + 70000]
    assert fetch.progress[0] < len(DATA)
    world.servers[0].faults.hold = None
    assert b"".join(fetch.read(0, len(DATA))) == DATA


def test_a_chunk_that_is_late(world: World) -> None:
    """What streams can be waited for by the byte; meanwhile every byte that comes counts as progress, also of half a chunk."""
    late = Halting(world.server(), len(DATA) - 1000)
    fetch = world.fetcher.open(PIN, [late])
    assert fetch.settle(60, 5)
    assert not fetch.settle(0.01, len(DATA) - 1)
    until(lambda: fetch.progress[0] == len(DATA) - 1000, 60)
    late.on.set()
    assert fetch.settle(60, len(DATA) - 1)
    assert content(fetch.wait(60)) == DATA
    assert fetch.settle(0, len(DATA) - 1)


@pytest.mark.parametrize("sizes", [0, 1, 100, 300_000, 3 * MIB])
@pytest.mark.parametrize("lfs", [True, False])
def test_without_chunk_list(world: World, sizes: int, *, lfs: bool) -> None:
    """A file of any size without a xet hash is staged whole, checked by its other digests, and held."""
    data = DATA[:sizes]
    pin = pin_of(data, lfs=lfs, sha256=lfs, xet=False)
    fetch = world.fetcher.open(pin, [world.server(data=data)])
    assert b"".join(fetch.read(0, sizes)) == data
    assert content(fetch.wait(120)) == data


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


def test_a_true_list_from_one_serves_for_all(world: World) -> None:
    """One place that has the chunk list is enough for the others, liars among them, to be checked; a false list is a lie."""
    places = [world.server(Faults(chunks="wrong")), world.server(Faults(chunks="none", wrong=frozenset({9}))), world.server()]
    assert content(world.fetcher.open(PIN, places).wait(60)) == DATA
    assert {one.place for one in world.told(Kind.LIE)} >= {places[0].name}
    assert places[2].name not in {one.place for one in world.told(Kind.LIE)}


def test_a_slow_place_is_helped(world: World) -> None:
    """A place that crawls gets help with what it began, is called slow, and hardly delays the file."""
    slow, good = world.server(Faults(rate=0.05 * MIB)), world.server(Faults(rate=5 * MIB))
    fetch = world.fetcher.open(PIN, [slow, good])
    assert content(fetch.wait(60)) == DATA
    assert [one.place for one in world.told(Kind.SLOW)] == [slow.name]
    assert fetch.sources[good.name] > len(DATA) * 0.8


@pytest.mark.parametrize("faults", [Faults(cut_after=300_000), Faults(stall_after=300_000), Faults(status=503)])
def test_failing_places_are_worked_around(world: World, faults: Faults) -> None:
    """A place that cuts off its answers, or stops sending, or refuses, does no harm while another one has the file."""
    fetch = world.fetcher.open(PIN, [world.server(faults, stall=0.3), world.server(Faults(rate=20 * MIB))])
    assert content(fetch.wait(60)) == DATA
    assert not world.told(Kind.LIE)


def test_aborted_answers_are_resumed(world: World) -> None:
    """The only place cuts every answer off: what came is kept, and the rest is asked for from there."""
    assert content(world.fetcher.open(PIN, [world.server(Faults(cut_after=700_000))]).wait(60)) == DATA
    assert world.servers[0].sent < 2 * len(DATA)


def test_one_fetch_for_all_who_want_it(world: World) -> None:
    """Whoever opens a file that is on its way gets the same fetch, and his places help; it is fetched once."""
    down, good = world.server(Faults(dead=True)), world.server(Faults(rate=20 * MIB))
    world.fetcher = Fetcher(world.held, report=world.events.append, tries=12, rest=0.05)
    first = world.fetcher.open(PIN, [down])
    second = world.fetcher.open(PIN, [good])
    assert first is second
    assert content(first.wait(60)) == DATA
    assert world.fetcher.open(PIN, []).wait(60) is not None
    assert world.servers[1].sent < 1.5 * len(DATA)


def test_it_is_cancelled_when_nobody_wants_it(world: World) -> None:
    """A fetch ends when all who opened it cancelled, keeps what came, and goes on from there when it is opened again."""
    place = world.server(Faults(hold=5 * MIB), stall=60)
    fetch = world.fetcher.open(PIN, [place])
    assert world.fetcher.open(PIN, [place]) is fetch
    next(fetch.read(0, 2 * MIB))
    fetch.cancel()
    next(fetch.read(MIB, 2 * MIB))
    fetch.cancel()
    with pytest.raises(Busy):
        fetch.wait(120)
    with world.held.begin(PIN, 10) as partial:
        kept = partial.done_bytes
    assert kept > 0
    world.servers[0].faults.hold = None
    before = world.servers[0].sent
    assert content(world.fetcher.open(PIN, [place]).wait(60)) == DATA
    assert world.servers[0].sent - before <= len(DATA) - kept + 4 * MIB


def test_what_is_held_needs_nobody(world: World) -> None:
    """A held file is given without asking any place; its judge is heard again."""
    world.fetcher.open(PIN, [world.server()]).wait(60)
    seen = list[HeldFile]()
    fetch = world.fetcher.open(PIN, [], judge=seen.append)
    assert b"".join(fetch.read(10, 20)) == DATA[10:20]
    assert len(seen) == 1
    assert fetch.progress == (len(DATA), len(DATA))


def test_damage_left_by_a_crash_is_found(world: World) -> None:
    """Bytes that a crash left, false ones among them, are checked before they count: the false chunk is fetched again."""
    with world.held.begin(PIN) as partial:
        partial.keep_chunk_list(true_list(DATA))
        partial.write(0, DATA[: 3 * MIB])
        partial.write(MIB, b"torn")
        partial.mark(0, 3 * MIB)
    fetch = world.fetcher.open(PIN, [world.server()])
    assert content(fetch.wait(60)) == DATA
    assert 3 * MIB < sum(fetch.sources.values()) < 4 * MIB


def test_digests_that_contradict_each_other(world: World) -> None:
    """If the xet hash is right and the SHA-256 pinned beside it is of other bytes, nothing is held under either."""
    pin = replace(PIN, sha256=Sha256("1" * 64))
    with pytest.raises(DigestMismatch):
        world.fetcher.open(pin, [world.server()]).wait(60)
    assert world.held.find(pin) is None
    assert world.held.find(PIN) is None


def test_ranges_outside_are_refused(world: World) -> None:
    """A range that does not exist in the file is an error of the caller."""
    fetch = world.fetcher.open(PIN, [world.server()])
    with pytest.raises(BadRange):
        next(fetch.read(0, len(DATA) + 1))
    assert list(fetch.read(5, 5)) == []
    fetch.wait(60)


KILLED = """
import sys, threading
from pathlib import Path
from hanse.flows.pull.fetch import Fetcher
from hanse.store.held import Held
from hanse.store.held.partial import Partial
mark, one_at_a_time = Partial.mark, threading.Lock()
def marked(self, start, end):
    mark(self, start, end)
    with one_at_a_time:
        self.flush()
Partial.mark = marked
from tests.support.places import HttpPlace
from tests.flows.test_fetch import PIN
def report(event):
    print(event.done, flush=True)
Fetcher(Held.open(Path(sys.argv[1])), report=report).open(PIN, [HttpPlace(int(sys.argv[2]), stall=60)]).wait()
"""


def test_killed_and_begun_again(world: World) -> None:
    """After kill -9 the next run, which waited meanwhile, goes on with what was flushed, and the file is right."""
    place = world.server(Faults(hold=5 * MIB))
    command = [sys.executable, "-c", KILLED, str(world.held.folder), str(place.port)]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if int(line) > 3 * MIB)
        fetch = world.fetcher.open(PIN, [place])
        assert fetch.wait(0.05) is None
        process.kill()
    world.servers[0].faults.hold = None
    assert content(fetch.wait(60)) == DATA
    assert sum(fetch.sources.values()) < len(DATA) - 3 * MIB


def test_fetches_that_are_kept_apart(world: World) -> None:
    """Of equal pins with different owners each has its own fetch; what another one brought has to be shown first."""
    honest, silent = world.server(Faults(rate=20 * MIB)), world.server(Faults(dead=True))
    asked = list[str]()

    def require(who: str, file: HeldFile) -> None:
        asked.append(who)
        if who == "thief":
            raise PeerDown("it was not shown")

    def opened(who: str, place: HttpPlace) -> Fetch:
        return world.fetcher.open(PIN, [place], judge=lambda _: None, apart=Apart(who, partial(require, who)))

    first = opened("owner", honest)
    while not first.progress[0]:
        first.wait(0.01)
    second, third = opened("owner", honest), opened("thief", silent)
    assert first is second
    assert third is not first
    assert first.wait(60) is not None
    with pytest.raises(PeerDown, match="not shown"):
        third.wait(120)
    assert asked == ["thief"]


@pytest.mark.parametrize("judged", [True, False], ids=["judged", "streamed"])
def test_what_was_false_comes_once_more_from_the_only_place(world: World, *, judged: bool) -> None:
    """A passing fault of the only place is named and costs one chunk again, where a chunk list says which one it was."""
    place = Passing("only", DATA, wrong={3 * MIB}, lists=true_list(DATA))
    assert content(world.fetcher.open(PIN, [place], judge=(lambda _: None) if judged else None).wait(60)) == DATA
    assert [one.place for one in world.told(Kind.LIE)] == ["only"]
    assert sum(start <= 3 * MIB < end for start, end in place.asked) == 2


@pytest.mark.parametrize("judged", [True, False], ids=["judged", "streamed"])
def test_who_stays_false_is_not_asked_for_ever(world: World, *, judged: bool) -> None:
    """A place that is false again the second time is out, and nothing of the file is held."""
    place = SimPlace("only", DATA, wrong={3 * MIB}, lists=true_list(DATA))
    with pytest.raises(DigestMismatch, match="false bytes came from only"):
        world.fetcher.open(PIN, [place], judge=(lambda _: None) if judged else None).wait(60)
    assert [one.place for one in world.told(Kind.LIE)] == ["only"]
    assert world.held.find(PIN) is None
    assert sum(start <= 3 * MIB < end for start, end in place.asked) == 2
