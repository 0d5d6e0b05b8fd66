"""Hashing in order what arrives in any order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.places import pin_of

from hanse.errors import DigestMismatch
from hanse.flows.pull.digests import WholeFile
from hanse.flows.pull.follower import Follower
from hanse.flows.pull.layout import STRETCH, plain_layout
from hanse.flows.pull.schedule import Schedule
from hanse.store.held import Held
from hanse.store.held.partial import Partial

DATA = random.Random(8).randbytes(4 * STRETCH + 77)
PIN = pin_of(DATA, xet=False)


@pytest.fixture(name="partial")
def _partial(tmp_path: Path) -> Iterator[Partial]:
    with Held.open(tmp_path / "held") as held, held.begin(PIN) as partial:
        yield partial


def arrive(schedule: Schedule, partial: Partial, data: bytes = DATA) -> None:
    """Let all pieces come, the last first."""
    tasks = []
    while (task := schedule.take("a", 1.0)) is not None:
        tasks.append(task)
    for task in reversed(tasks):
        start, end = schedule.layout.start(task.at), schedule.layout.start(task.end)
        partial.write(start, data[start:end])
        schedule.arrived(task, task.end)


def test_order_does_not_matter(partial: Partial) -> None:
    """The digest is that of the file, in whatever order its pieces came."""
    schedule = Schedule(plain_layout(PIN.size))
    follower = Follower(schedule, partial, WholeFile(PIN))
    arrive(schedule, partial)
    assert follower.result().sha256 == PIN.sha256


def test_a_false_file_is_refused(partial: Partial) -> None:
    """If the whole is not what it must be, the result is an error."""
    schedule = Schedule(plain_layout(PIN.size))
    follower = Follower(schedule, partial, WholeFile(PIN))
    arrive(schedule, partial, DATA[:-1] + b"?" if DATA[-1:] != b"?" else DATA[:-1] + b"!")
    with pytest.raises(DigestMismatch):
        follower.result()


def test_stopping_does_not_wait_for_the_rest(partial: Partial) -> None:
    """A file that is given up needs no further piece for the hashing to end."""
    follower = Follower(Schedule(plain_layout(PIN.size)), partial, WholeFile(PIN))
    follower.stop()
    follower.stop()
