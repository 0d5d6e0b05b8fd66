"""Asking in turn: the next one is asked when an answer does not serve, or does not come."""

from __future__ import annotations

import threading

from tests.support.simplace import SimPlace

from hanse.errors import PeerDown
from hanse.flows.pull.inturn import InTurn
from hanse.flows.pull.sources import Source

PLACES = [Source(SimPlace(name, b"")) for name in ("a", "b", "c")]


def test_nobody_is_asked_without_need() -> None:
    """Who has an answer that serves does not ask the next place."""
    asked = list[str]()

    def ask(source: Source) -> str:
        asked.append(source.place.name)
        if source.place.name == "a":
            raise PeerDown("down")
        return source.place.name

    answers = InTurn(PLACES, ask, lambda: False).answers()
    first, second = next(answers), next(answers)
    assert isinstance(first[1], PeerDown)
    assert second[1] == "b"
    assert asked == ["a", "b"]


def test_a_silent_place_is_not_waited_for() -> None:
    """While one place does not answer, the next is asked; its own answer still counts when it comes."""
    silent = threading.Event()

    def ask(source: Source) -> str:
        if source.place.name == "a":
            silent.wait(20)
        return source.place.name

    answers = InTurn(PLACES[:2], ask, lambda: False, hedge=0.01).answers()
    assert next(answers)[1] == "b"
    silent.set()
    assert next(answers)[1] == "a"
    assert next(answers, None) is None


def test_it_ends_in_time_or_when_nobody_wants_it() -> None:
    """A bound on time, or loss of interest, ends the asking without an answer."""
    silent = threading.Event()

    def ask(_: Source) -> bool:
        return silent.wait(20)

    assert not list(InTurn(PLACES, ask, lambda: False, hedge=0.01).answers(0.05))
    assert not list(InTurn(PLACES, ask, lambda: True).answers())
    silent.set()
