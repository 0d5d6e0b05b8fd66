"""Readers of a place that fails go on where they were, as often as it is worth it."""

from __future__ import annotations

import itertools
import threading

import pytest
from tests.support.memoryplaces import MemoryPlace, pin_of
from tests.support.simplace import SimPlace

from hanse.errors import Busy, PeerBusy, PeerDown, PeerMisbehaved, PeerRefused
from hanse.flows.mirror import patience
from hanse.flows.mirror.patience import Halt, Patience
from hanse.peers.place import RangesIgnored

DATA = bytes(range(256)) * 2048
PIN = pin_of("x", DATA)


@pytest.fixture(name="waited", autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let nothing wait, and return how long it would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(Patience, "_pause", lambda _self, seconds: waited.append(seconds))
    return waited


def test_broken_connections_are_resumed() -> None:
    """What arrived is not asked for again, and progress gives a place its credit back."""
    step = patience.FORGIVEN
    place = MemoryPlace(DATA, [(step, PeerDown("gone"))] * 6)
    assert Patience(Halt()).whole(place, PIN) == DATA
    assert [start for start, _ in place.asked] == [step * number for number in range(7)]


def test_a_place_that_only_drips_is_given_up() -> None:
    """A few bytes between failures do not buy another try, so that a hostile place cannot hold a mirror for years."""
    place = MemoryPlace(DATA, [(10, PeerDown("gone"))] * 99)
    with pytest.raises(PeerDown):
        Patience(Halt()).whole(place, PIN)
    assert len(place.asked) == patience.ATTEMPTS


def test_a_dead_place_is_given_up() -> None:
    """Without a byte between failures a place is down after a few of them."""
    place = MemoryPlace(DATA, [(0, PeerDown("gone"))] * 9)
    with pytest.raises(PeerDown):
        Patience(Halt()).whole(place, PIN)
    assert len(place.asked) == patience.ATTEMPTS


def test_a_busy_place_is_waited_for(waited: list[float]) -> None:
    """It is asked again after the time that it names, at most so long; other refusals are final."""
    busy = PeerRefused("later", status=429)
    busy.retry_after = 7
    long = PeerRefused("later", status=429)
    long.retry_after = 99999
    place = MemoryPlace(DATA, [(0, busy), (0, long)])
    assert Patience(Halt()).whole(place, PIN) == DATA
    assert waited == [7.0, patience.MAX_WAIT]
    with pytest.raises(PeerRefused):
        Patience(Halt()).whole(MemoryPlace(DATA, [(0, PeerRefused("no", status=403))]), PIN)


def test_a_short_answer_is_no_end() -> None:
    """A place that ends early without saying so misbehaves."""
    with pytest.raises(PeerMisbehaved, match="ended 'x' at 1000"):
        Patience(Halt()).whole(MemoryPlace(DATA[:1000]), PIN)


def test_halting() -> None:
    """Whoever says stop, or a failure elsewhere, ends reading between two pieces."""
    stop = threading.Event()
    halt = Halt(stop)
    reading = Patience(halt).read(MemoryPlace(DATA), PIN, 0)
    assert next(reading)
    stop.set()
    with pytest.raises(Busy, match="stopped"):
        list(reading)
    failed = Halt()
    failed.fail()
    failed.wait(60)
    with pytest.raises(Busy):
        Patience(failed).whole(MemoryPlace(DATA), PIN)


def test_a_place_without_ranges_is_resumed() -> None:
    """Where a server knows no ranges, what is here already is passed over, and each byte is given once."""
    place = SimPlace("plain", DATA, ranges=False)
    assert b"".join(Patience(Halt()).read(place, PIN, 200_000)) == DATA[200_000:]
    assert place.asked == [(200_000, len(DATA)), (0, len(DATA))]
    with pytest.raises(RangesIgnored):
        list(Patience(Halt()).read(SimPlace("odd", DATA, errors=[RangesIgnored("whole")] * 2), PIN, 1))


def test_a_node_that_fetches_it_first_is_waited_for(waited: list[float]) -> None:
    """An upstream that says how far it is with fetching the file is asked again as long as that moves, and given up then."""
    coming = [(0, PeerBusy("first", done=done, total=100, retry_after=1)) for done in range(40)]
    place = MemoryPlace(DATA, [*coming])
    assert Patience(Halt()).whole(place, PIN) == DATA
    assert waited == [1.0] * 40


def test_a_node_that_stands_still_is_given_up() -> None:
    """An upstream that says for a minute that it is as far as before counts as down."""
    clock = itertools.count(0.0, 7.0)
    place = MemoryPlace(DATA, [(0, PeerBusy("first", done=5, total=100))] * 99)
    with pytest.raises(PeerBusy):
        Patience(Halt(), clock=lambda: next(clock)).whole(place, PIN)
    assert len(place.asked) == 10
