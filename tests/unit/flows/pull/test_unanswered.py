"""What nobody answered is told again without a wait, while somebody asks; what is old is asked for anew."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from hanse.errors import NotFoundError, PeerDown
from hanse.flows.pull import unanswered as module
from hanse.flows.pull.unanswered import Unanswered

WAIT = 60


class Hub:
    """Answers as it is told; asked: how often it was; a question waits for `gate` once `slow` is set."""

    def __init__(self) -> None:
        self.says: Callable[[], str] = self.down
        self.asked = 0
        self.slow = False
        self.gate, self.came, self.over = threading.Event(), threading.Event(), threading.Event()

    def down(self) -> str:
        """Fail as a server that cannot be reached."""
        raise PeerDown("nobody is there")

    def __call__(self) -> str:
        """Ask."""
        self.asked += 1
        self.came.set()
        try:
            if self.slow:
                assert self.gate.wait(WAIT)
            return self.says()
        finally:
            self.over.set()


@pytest.fixture(name="hub")
def _hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    for name, seconds in (("LONG_SECONDS", 0.0), ("FRESH_SECONDS", 600.0), ("TOLD_SECONDS", 600.0)):
        monkeypatch.setattr(module, name, seconds)
    return Hub()


def _in_vain(asks: Unanswered[str], hub: Hub, count: int = 1) -> list[PeerDown]:
    told = []
    for _ in range(count):
        with pytest.raises(PeerDown) as failed:
            asks.ask("main", hub)
        told.append(failed.value)
    return told


def _news(asks: Unanswered[str], hub: Hub) -> str:
    """Ask until something else is told than that nobody is there; raises what is."""
    while True:
        try:
            return asks.ask("main", hub)
        except PeerDown:
            threading.Event().wait(0.01)


def test_nobody_waits_for_the_same_twice(hub: Hub) -> None:
    """While one asks again, all others are told at once, each with an error of his own; then they are given what he got."""
    asks = Unanswered[str]()
    first = _in_vain(asks, hub)
    hub.slow = True
    told = _in_vain(asks, hub, 5)
    assert hub.came.wait(WAIT)
    assert {(one.message, one.hint) for one in told} == {(first[0].message, first[0].hint)}
    assert len({id(one) for one in (*first, *told)}) == 6
    assert all(one.__cause__ is None is one.__context__ for one in told)
    assert hub.asked == 2
    hub.says = lambda: "an answer"
    hub.over.clear()
    hub.gate.set()
    assert hub.over.wait(WAIT)
    assert _news(asks, hub) == "an answer"
    assert hub.asked == 2


def test_what_is_no_failure_of_a_peer_is_told_once(hub: Hub) -> None:
    """If asking again says that there is no such thing, that is raised, and the next one asks for himself."""
    asks = Unanswered[str]()
    _in_vain(asks, hub)

    def gone() -> str:
        raise NotFoundError("no such model")

    hub.says = gone
    hub.over.clear()
    _in_vain(asks, hub)
    assert hub.over.wait(WAIT)
    for _ in range(2):
        with pytest.raises(NotFoundError):
            _news(asks, hub)
    assert hub.asked == 3


def test_an_answer_of_long_ago_is_given_to_nobody(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came while nobody asked is asked for anew if that is a while ago."""
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    asks = Unanswered[str]()
    _in_vain(asks, hub)
    hub.says = lambda: "an answer"
    _in_vain(asks, hub)
    assert _news(asks, hub) == "an answer"
    assert hub.asked == 3


def test_a_failure_of_long_ago_is_told_to_nobody(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its time is over, whoever asks waits for an answer."""
    monkeypatch.setattr(module, "TOLD_SECONDS", 0.0)
    asks = Unanswered[str]()
    _in_vain(asks, hub)
    hub.says = lambda: "an answer"
    assert asks.ask("main", hub) == "an answer"
    assert hub.asked == 2


def test_short_failures_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed at once may be well a moment later; of long failures a bounded number is kept."""
    hub, asks = Hub(), Unanswered[str]()
    _in_vain(asks, hub)
    hub.says = lambda: "an answer"
    assert asks.ask("main", hub) == "an answer"
    monkeypatch.setattr(module, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(module, "MAX_KEPT", 1)
    hub.says = hub.down
    for key in ("a", "b"):
        with pytest.raises(PeerDown):
            asks.ask(key, hub)
    hub.says = lambda: "another"
    assert asks.ask("a", hub) == "another"
