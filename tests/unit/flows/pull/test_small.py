"""Small files: whole, checked, from the first honest place that answers."""

from __future__ import annotations

import random
import threading

import pytest
from tests.support.places import pin_of
from tests.support.simplace import SimPlace

from hanse.errors import BlobNotFound, DigestMismatch, PeerDown
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.small import SmallFile
from hanse.flows.pull.sources import Sources, Speeds
from hanse.model.filepin import FilePin

DATA = random.Random(9).randbytes(50_000)
PIN = pin_of(DATA, "config.json", lfs=False)


def fetch(*places: SimPlace, pin: FilePin = PIN) -> tuple[bytes, list[Event]]:
    """Fetch the file from these places and return it with the events."""
    events = list[Event]()
    found = SmallFile(pin, Sources(places, Speeds(), tries=2, rest=0.01), events.append, lambda: False).fetch()
    assert found is not None
    return found[0], events


@pytest.mark.parametrize(
    ("bad", "news"),
    [
        (SimPlace("bad", DATA, wrong={7}), Kind.LIE),
        (SimPlace("bad", DATA, short=10), Kind.DEAD),
        (SimPlace("bad", DATA, long=3), Kind.DEAD),
        (SimPlace("bad", b""), Kind.DEAD),
        (SimPlace("bad", DATA, errors=[BlobNotFound("none")]), Kind.MISSING),
    ],
)
def test_the_next_place_has_it(bad: SimPlace, news: Kind) -> None:
    """Whatever the first place does, the file comes from the second, and only altered bytes are called a lie."""
    found, events = fetch(bad, SimPlace("good", DATA))
    assert found == DATA
    assert [(one.kind, one.place) for one in events] == [(news, "bad")]


def test_a_place_that_recovers_is_asked_again() -> None:
    """A place that was down for a moment gives the file when it is asked again."""
    assert fetch(SimPlace("a", DATA, errors=[PeerDown("down")]))[0] == DATA


def test_a_silent_place_does_not_hold_it_up() -> None:
    """A place that does not answer is overtaken by the next one."""
    gate = threading.Event()
    assert fetch(SimPlace("silent", DATA, gate=gate), SimPlace("good", DATA))[0] == DATA
    gate.set()


def test_nobody_honest() -> None:
    """If all lie the error names them all."""
    with pytest.raises(DigestMismatch, match="a, b"):
        fetch(SimPlace("a", DATA, wrong={0}), SimPlace("b", DATA, wrong={1}))


def test_an_empty_file_needs_nobody() -> None:
    """A file without bytes is here without asking anybody; a false pin of one is noticed."""
    assert fetch(pin=pin_of(b"", lfs=False))[0] == b""
    with pytest.raises(DigestMismatch):
        fetch(pin=FilePin("x", 0, PIN.git_oid, lfs=False))
