"""Jobs beside everything else: one of a key at a time, failing ones ever less often, one process at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import URL
from tests.support.served import until

from hanse.db.engine import Database
from hanse.errors import PeerDown
from hanse.flows.background import MAX_PAUSE, Background, Outcome, State


@pytest.fixture(name="database")
def _database(sqlite_url: URL) -> Iterator[Database]:
    """Return a catalogue for the lease."""
    database = Database(sqlite_url)
    yield database
    database.close()


def test_one_job_of_a_key_at_a_time(database: Database) -> None:
    """A job that does not end keeps its own key from running, and no other."""
    gate, ran = threading.Event(), list[str]()
    background = Background("test", database, lambda: None, workers=2, pace=0)
    background.run("slow", lambda: Outcome.DONE if gate.wait(120) else Outcome.FAILED)
    assert not background.free("slow")

    def quick() -> Outcome:
        ran.append("quick")
        return Outcome.DONE

    background.run("quick", quick)
    until(lambda: background.free("quick"))
    assert ran == ["quick"]
    assert not background.free("slow")
    gate.set()
    until(lambda: background.free("slow"))
    background.stop()


def test_a_job_that_raises_has_failed(database: Database) -> None:
    """Whatever it raises, its key may run again only after a pause, and the others go on."""

    def fail() -> Outcome:
        raise PeerDown("nobody there")

    def bug() -> Outcome:
        raise RuntimeError("a mistake")

    background = Background("test", database, lambda: None, workers=1, pace=0)
    background.run("down", fail)
    background.run("bug", bug)
    background.run("fine", lambda: Outcome.DONE)
    until(lambda: background.free("fine"))
    assert not background.free("down")
    assert not background.free("bug")
    background.stop()


def test_failures_double_the_pause() -> None:
    """After each failure twice as long, at most ten minutes; success forgets them."""
    state = State()
    pauses = []
    for _ in range(12):
        state.ended(Outcome.FAILED, 0.0, 1.0)
        pauses.append(state.until)
    assert pauses[:4] == [2.0, 4.0, 8.0, 16.0]
    assert pauses[-1] == MAX_PAUSE
    state.ended(Outcome.DONE, 0.0, 1.0)
    assert state.until == 1.0
    state.ended(Outcome.WAITING, 0.0, 1.0)
    assert state.until < 1.0


def test_one_process_holds_the_lease(database: Database) -> None:
    """The lease is given up at the end, so that the next process need not wait for it."""
    one, two = (Background("test", database, lambda: None, workers=1) for _ in range(2))
    assert one.hold()
    assert not two.hold()
    one.stop()
    assert two.hold()
    two.stop()


def test_a_step_that_fails_is_called_again(database: Database) -> None:
    """The thread outlives whatever a step raises."""
    calls: list[int] = []

    def step() -> None:
        calls.append(1)
        raise PeerDown("no") if len(calls) == 1 else RuntimeError("bug")

    background = Background("test", database, step, workers=1, pace=0.01)
    background.start()
    until(lambda: len(calls) > 3)
    background.stop()
