"""Files that cannot be checked in parts: one sender at a time, the whole decides, and blame needs certainty."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.places import pin_of
from tests.support.simplace import SimPlace

from hanse.errors import DigestMismatch, PeerBusy, PeerDown
from hanse.flows.pull import staged
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.sources import Sources, Speeds
from hanse.flows.pull.staged import Staging
from hanse.store.held import Held
from hanse.store.held.partial import Partial

MIB = 1 << 20
DATA = random.Random(10).randbytes(5 * MIB + 99)
PIN = pin_of(DATA, xet=False)


@pytest.fixture(name="partial")
def _partial(tmp_path: Path) -> Iterator[Partial]:
    with Held.open(tmp_path / "held") as held, held.begin(PIN) as partial:
        yield partial


def stage(partial: Partial, *places: SimPlace, rest: float = 0.01) -> list[Event]:
    """Stage the file from these places, one request at a time, check that it is right, and return the events."""
    events = list[Event]()
    sources = Sources(places, Speeds(), tries=2, rest=rest)
    staging = Staging(PIN, partial, sources, events.append, changed=threading.Condition(), stopped=lambda: False, parallel=1)
    found = staging.run()
    assert found is not None
    assert found.sha256 == PIN.sha256
    assert partial.path.read_bytes() == DATA
    return [one for one in events if one.kind is not Kind.PROGRESS]


def test_another_place_goes_on_where_one_stopped(partial: Partial) -> None:
    """What one place sent before it died is kept, the next sends the rest, and the whole is checked."""
    dying = SimPlace("dying", DATA, short=MIB + 5)
    good = SimPlace("good", DATA)
    events = stage(partial, dying, good, rest=60)
    assert [(one.kind, one.place) for one in events] == [(Kind.DEAD, "dying")]
    assert good.asked[0][0] == MIB


def test_one_sender_of_a_false_file_is_a_liar(partial: Partial) -> None:
    """A false file that one place sent alone is its lie; the next place sends all of it again."""
    good = SimPlace("good", DATA)
    events = stage(partial, SimPlace("liar", DATA, wrong={3 * MIB}), good)
    assert [(one.kind, one.place) for one in events] == [(Kind.LIE, "liar")]
    assert good.asked[0][0] == 0


def test_blame_needs_certainty(partial: Partial) -> None:
    """If two places sent the parts of a false file, neither is blamed for that; alone, the liar is found."""
    dying = SimPlace("dying", DATA, short=MIB, wrong={5})
    events = stage(partial, dying, SimPlace("honest", DATA))
    assert [one.place for one in events if one.kind is Kind.LIE] == []


def test_what_an_earlier_run_left_is_nobodys_lie(partial: Partial) -> None:
    """False bytes that lay here before cost a second try, and no place its good name."""
    partial.write(0, bytes(MIB))
    partial.mark(0, MIB)
    good = SimPlace("good", DATA)
    assert not stage(partial, good)
    assert min(good.asked)[0] == 0


def test_resumed_bytes_are_not_fetched_again(partial: Partial) -> None:
    """Bytes that an earlier run staged are kept, and only the rest is asked for."""
    partial.write(0, DATA[: 3 * MIB])
    partial.mark(0, 3 * MIB)
    good = SimPlace("good", DATA)
    stage(partial, good)
    assert min(good.asked)[0] == 3 * MIB


def test_only_liars(partial: Partial) -> None:
    """If all places send something false the error names them, and nothing of it stays."""
    with pytest.raises(DigestMismatch, match="a, b"):
        stage(partial, SimPlace("a", DATA, wrong={0}), SimPlace("b", DATA, wrong={1}))
    assert not partial.done


def test_nobody_answers(partial: Partial) -> None:
    """If no place can be reached that is said, and what came before stays for the next time."""
    partial.write(0, DATA[:MIB])
    partial.mark(0, MIB)
    with pytest.raises(PeerDown):
        stage(partial, SimPlace("a", DATA, errors=[PeerDown("down"), PeerDown("down")]))
    assert partial.done == [(0, MIB)]


def test_a_crawling_place_is_left(partial: Partial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that sends hardly anything is left for another one after a while, and called slow."""
    monkeypatch.setattr(staged, "SLOW_SECONDS", 0.05)
    gate = threading.Event()
    events = stage(partial, SimPlace("crawling", DATA, gate=gate), SimPlace("good", DATA))
    gate.set()
    assert [(one.kind, one.place) for one in events] == [(Kind.SLOW, "crawling")]


def test_a_place_that_fetches_it_first_is_waited_for(partial: Partial) -> None:
    """The only place has to fetch the file itself: it is asked again until it has it, which is told, and nobody is blamed."""
    node = SimPlace("node", DATA, errors=[PeerBusy("fetches it first: 3 of 10 bytes", done=3, total=10)])
    events = stage(partial, node)
    assert [(one.kind, one.place) for one in events] == [(Kind.WAIT, "node")]
    assert "3 of 10" in events[0].message
