"""Chunk lists: only a true one counts, and who sends a false one is out."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.support.places import pin_of
from tests.support.simplace import SimPlace, true_list

from hanse.errors import BlobNotFound, PeerDown, PeerRefused
from hanse.flows.pull.chunklists import find_chunk_list
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.sources import Sources, Speeds

DATA = random.Random(4).randbytes(400_000)
PIN = pin_of(DATA)
LIST = true_list(DATA)


def find(*places: SimPlace) -> tuple[bytes | None, Sources, list[Event]]:
    """Ask the places and return the chunk list that was found, the sources, and the events."""
    sources, events = Sources(places, Speeds()), list[Event]()
    found = find_chunk_list(PIN, sources, events.append, lambda: False)
    return (found[0] if found else None), sources, events


def test_a_false_list_is_a_lie() -> None:
    """A chunk list of another file puts its sender out, with a report; the true one of the next place is taken."""
    other = true_list(DATA[::-1])
    found, sources, events = find(
        SimPlace("liar", DATA, lists=other), SimPlace("odd", DATA, lists=b"x"), SimPlace("good", DATA, lists=LIST)
    )
    assert found == LIST
    assert [(one.kind, one.place) for one in events] == [(Kind.LIE, "liar"), (Kind.LIE, "odd")]
    assert [one.place.name for one in sources.left] == ["good"]


def test_having_no_list_is_no_fault() -> None:
    """A place without a chunk list, or that knows nothing of them, can still have the file."""
    lists = [None, BlobNotFound("none"), PeerRefused("no", status=403)]
    found, sources, events = find(*(SimPlace(str(at), DATA, lists=one) for at, one in enumerate(lists)))
    assert found is None
    assert not events
    assert len(sources.left) == 3


def test_who_does_not_answer_rests() -> None:
    """A place that is down or wants to be left alone when asked for a list is not asked for bytes at once."""
    found, sources, events = find(
        SimPlace("down", DATA, lists=PeerDown("down")),
        SimPlace("busy", DATA, lists=PeerRefused("later", status=429)),
        SimPlace("good", DATA, lists=LIST),
    )
    assert found == LIST
    assert [one.kind for one in events] == [Kind.DEAD, Kind.DEAD]
    assert [one.place.name for one in sources.left if not sources.resting(one)] == ["good"]


def test_without_a_xet_hash_nobody_is_asked() -> None:
    """A chunk list cannot be checked against a pin that has no xet hash, so that none is asked for."""
    place = SimPlace("a", DATA, lists=LIST)
    assert find_chunk_list(replace(PIN, xet=None), Sources([place], Speeds()), lambda _: None, lambda: False) is None
