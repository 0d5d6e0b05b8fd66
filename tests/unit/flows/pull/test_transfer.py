"""Pieces from several places: what is false or late comes from another one, what is true is stored once."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.places import pin_of
from tests.support.simplace import SimPlace, true_list

from hanse.errors import HanseError, PeerDown, StorageFull
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.layout import Layout, chunk_layout
from hanse.flows.pull.schedule import LEAST, Schedule
from hanse.flows.pull.sources import Sources, Speeds
from hanse.flows.pull.transfer import GATHER, NICE, Transfer
from hanse.model.filepin import FilePin
from hanse.peers.place import RangesIgnored
from hanse.store.held import Held
from hanse.store.held.partial import Partial

MIB = 1 << 20
DATA = random.Random(12).randbytes(4 * MIB + 321)
PIN = pin_of(DATA)
LIST = true_list(DATA)


class _Even(Speeds):
    """Finds every place as fast as every other."""

    def rate(self, place: str) -> float:  # noqa: ARG002 - whichever it is
        """Return bytes a second."""
        return LEAST


class Run:
    """A transfer into an empty partial file. even: every place counts as equally fast, so that none helps out another one."""

    def __init__(self, partial: Partial, *places: SimPlace, parallel: int = 4, even: bool = False) -> None:
        self.partial = partial
        self.events: list[Event] = []
        self.sources = Sources(places, _Even() if even else Speeds(), tries=2, rest=0.01)
        self.schedule = Schedule(self.layout, clock=(lambda: 0.0) if even else time.monotonic)
        self.caught = threading.Event()
        self.transfer = Transfer(PIN, self.schedule, partial, self.sources, self._report, parallel=parallel)

    def _report(self, event: Event) -> None:
        self.events.append(event)
        if event.kind is Kind.LIE:
            self.caught.set()

    @property
    def layout(self) -> Layout:
        """Where the chunks are."""
        return chunk_layout(PIN, LIST)

    def go(self) -> bool:
        """Run to the end."""
        return self.transfer.run(lambda: False)

    def told(self, kind: Kind) -> list[str]:
        """Return the places that events of a kind are about."""
        return [one.place for one in self.events if one.kind is kind]


@pytest.fixture(name="partial")
def _partial(tmp_path: Path) -> Iterator[Partial]:
    with Held.open(tmp_path / "held") as held, held.begin(PIN) as partial:
        yield partial


class _Nice(SimPlace):
    """Notes how far those that ask it give way to others on this machine."""

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of the file."""
        self.nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        yield from super().read(pin, start, end)


def test_who_receives_gives_way_to_who_hashes(partial: Partial) -> None:
    """Threads that receive weigh less than others of the process: bytes leave when the last of them was hashed."""
    place = _Nice("a", DATA)
    assert Run(partial, place).go()
    assert place.nice == min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, 19)


class _Breaking(SimPlace):
    """Hangs up after 200,000 bytes of each answer."""

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes of the file from `start` on; raises PeerDown before the end of a long answer."""
        yield from super().read(pin, start, min(end, start + 200_000))
        if end > start + 200_000:
            raise PeerDown("hung up")


def test_what_came_before_a_place_hung_up_is_kept(partial: Partial) -> None:
    """A place that breaks off every answer after a whole piece or more gives the whole file in the end."""
    assert Run(partial, _Breaking("a", DATA), parallel=1).go()
    assert partial.path.read_bytes() == DATA


@pytest.mark.parametrize("step", [1000, 100_000, MIB])
def test_every_byte_is_stored(partial: Partial, step: int) -> None:
    """In whatever pieces the bytes come, the file is whole in the end, and each place's share is counted."""
    run = Run(partial, *(SimPlace(name, DATA, step) for name in "abc"))
    assert run.go()
    assert partial.path.read_bytes() == DATA
    assert partial.done == [(0, len(DATA))]
    assert sum(run.sources.shares.values()) >= len(DATA)


def test_nothing_false_is_written(partial: Partial) -> None:
    """True chunks before a false one are kept, the false one never reaches the disk; the only place is asked for it once more."""
    layout = chunk_layout(PIN, LIST)
    liar = SimPlace("liar", DATA, wrong={layout.start(5)})
    run = Run(partial, liar, parallel=1)
    assert not run.go()
    assert partial.done == [(0, layout.start(5))]
    assert [(one.place, one.chunk) for one in run.events if one.kind is Kind.LIE] == [("liar", 5)]
    assert [start for start, _ in liar.asked] == [0, layout.start(5)]
    assert partial.read(layout.start(5), 10) == bytes(10)


class _Counted(SimPlace):
    """Counts the bytes that it sent, taken or not."""

    sent = 0

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of the file."""
        for piece in super().read(pin, start, end):
            with _COUNTING:
                self.sent += len(piece)
            yield piece


_COUNTING = threading.Lock()


@pytest.mark.parametrize("lanes", [1, 3])
def test_what_a_liar_costs(partial: Partial, lanes: int) -> None:
    """Beyond the file come only a liar's false chunks, once for each of its lanes, with what came in the same gathering."""
    honest = _Counted("honest", DATA)
    liar = _Counted("liar", DATA, wrong=set(range(LEAST // 2, len(DATA), LEAST)))
    run = Run(partial, liar, honest, parallel=2 * lanes, even=True)
    honest.gate = run.caught  # so that the liar is asked for false bytes, whoever is quicker
    assert run.go()
    assert partial.path.read_bytes() == DATA
    true = run.sources.shares.get("liar", 0)
    assert honest.sent == len(DATA) - true
    assert 0 < liar.sent - true <= lanes * (GATHER + liar.step)


@pytest.mark.parametrize(("short", "long"), [(MIB, 0), (0, 0), (None, 5)])
def test_wrong_lengths_are_a_fault_and_no_lie(partial: Partial, short: int | None, long: int) -> None:
    """A place that sends too little or too much is reported as such, not as a liar, and another one has the rest."""
    run = Run(partial, SimPlace("odd", DATA, short=short, long=long), SimPlace("good", DATA), parallel=2)
    assert run.go()
    assert partial.path.read_bytes() == DATA
    assert not run.told(Kind.LIE)
    assert set(run.told(Kind.DEAD)) <= {"odd"}


def test_a_place_that_comes_back_is_used_again(partial: Partial) -> None:
    """A place that was down for a moment is asked again after its rest."""
    run = Run(partial, SimPlace("a", DATA, errors=[PeerDown("down")]), parallel=1)
    assert run.go()
    assert run.told(Kind.DEAD) == ["a"]


def test_a_stalled_place_is_worked_around(partial: Partial) -> None:
    """A place that never sends what it was asked for does not keep the file from being complete."""
    gate = threading.Event()
    run = Run(partial, SimPlace("stalled", DATA, gate=gate), SimPlace("good", DATA), parallel=2)
    assert run.go()
    assert partial.path.read_bytes() == DATA
    gate.set()


def test_what_comes_after_the_end_is_not_written(partial: Partial) -> None:
    """Once a transfer has ended, a place that wakes up late writes nothing any more."""
    gate, stop = threading.Event(), threading.Event()
    place = SimPlace("late", DATA, gate=gate)
    run = Run(partial, place, parallel=1)
    thread = threading.Thread(target=lambda: run.transfer.run(stop.is_set))
    thread.start()
    while not place.asked:
        pass
    stop.set()
    thread.join()
    gate.set()
    lane = next((one for one in threading.enumerate() if one.name == "fetch late"), None)
    if lane is not None:
        lane.join()
    assert not partial.done


def test_our_own_disk_is_not_their_fault(partial: Partial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk ends the transfer with that error and blames no place."""

    def full(*_: object) -> None:
        raise StorageFull("no space")

    monkeypatch.setattr(partial, "write", full)
    run = Run(partial, SimPlace("a", DATA))
    with pytest.raises(StorageFull):
        run.go()
    assert not run.told(Kind.DEAD)


def test_nobody_left(partial: Partial) -> None:
    """Without a place the transfer ends at once, and the sources say why."""
    run = Run(partial)
    assert not run.go()
    assert isinstance(run.sources.verdict(PIN.path), HanseError)


def test_a_place_without_ranges(partial: Partial) -> None:
    """Who gives the whole file where a part is asked for is asked for the whole from then on, and not called a failure."""
    place = SimPlace("plain", DATA, ranges=False)
    run = Run(partial, place)
    assert run.go()
    assert partial.read(0, len(DATA)) == DATA
    assert place.asked[-1] == (0, len(DATA))
    assert not run.told(Kind.DEAD)
    assert not run.sources.left[0].failures


def test_a_place_without_ranges_beside_another(partial: Partial) -> None:
    """What others have given already is passed over in what comes whole."""
    places = [SimPlace("plain", DATA, ranges=False, step=MIB), SimPlace("other", DATA, short=MIB)]
    assert Run(partial, *places).go()
    assert partial.read(0, len(DATA)) == DATA


def test_whoever_never_gives_the_whole_is_out(partial: Partial) -> None:
    """A place that answers every request with something else than was asked for is given up."""
    errors: list[HanseError] = [RangesIgnored("a whole file") for _ in range(30)]
    run = Run(partial, SimPlace("odd", DATA, errors=errors), parallel=1)
    assert not run.go()
    assert run.told(Kind.DEAD)
