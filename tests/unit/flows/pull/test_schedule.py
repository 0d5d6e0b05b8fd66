"""Who fetches what next: readers first, no piece twice without need, nothing forgotten."""

from __future__ import annotations

import random
from array import array
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.flows.pull.layout import Layout
from hanse.flows.pull.schedule import LATE, LEAST, Reader, Schedule, Task

MIB = 1 << 20


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def made(mib: int) -> tuple[Schedule, Clock]:
    """Return the schedule of a file of so many pieces of 1 MiB, and its clock."""
    clock = Clock()
    pieces = Layout(array("q", range(0, (mib + 1) * MIB, MIB)), None)
    return Schedule(pieces, clock=clock), clock


def taken(schedule: Schedule, place: str, rate: float = 4 * MIB) -> Task:
    """Take a task that must be there."""
    task = schedule.take(place, rate)
    assert task is not None
    return task


def test_tasks_fit_the_speed_of_their_place() -> None:
    """A fast place gets more in one request than a slow one, and nobody gets what another has."""
    schedule, _ = made(40)
    fast, slow, new = taken(schedule, "fast", 8 * MIB), taken(schedule, "slow", 2 * MIB), taken(schedule, "new", 0)
    assert [(one.at, one.end) for one in (fast, slow, new)] == [(0, 8), (8, 10), (10, 12)]
    tiny = taken(schedule, "tiny", LEAST / 100)
    assert tiny.end == tiny.at + 1


def test_who_waits_for_a_byte() -> None:
    """A byte is there once its piece is done; until then it is wanted first; what will not come any more is not waited for."""
    schedule, _ = made(4)
    assert not schedule.reach(2 * MIB + 5, 0, lambda: False)
    assert schedule.reach(2 * MIB + 5, 0, lambda: True)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(schedule.reach, 2 * MIB + 5, 60, lambda: False)
        task = taken(schedule, "a", 1)
        while task.at != 2:  # until its wish counts
            schedule.give_back(task)
            task = taken(schedule, "a", 1)
        schedule.arrived(task, 3)
        assert waiting.result(60)
    assert schedule.reach(2 * MIB, 0, lambda: False)


def test_what_is_on_its_way_is_counted() -> None:
    """Bytes of a piece that is not whole yet show that something comes; with the task they are gone."""
    schedule, _ = made(4)
    task, other = taken(schedule, "a", 1), taken(schedule, "b", 1)
    task.coming, other.coming = 10, 5
    assert schedule.coming == 15
    schedule.give_back(task)
    assert schedule.coming == 5


def test_readers_come_first() -> None:
    """What a reader wants is fetched before what nobody waits for; then the front goes on."""
    schedule, _ = made(20)
    reader = Reader(10, 12)
    schedule.join(reader)
    assert taken(schedule, "a", 2 * MIB).at == 10
    assert taken(schedule, "b", 2 * MIB).at == 0
    schedule.leave(reader)
    assert taken(schedule, "b", 2 * MIB).at == 2


def test_who_sends_all_each_time_begins_at_the_front() -> None:
    """A place that knows no ranges is asked once for all that is missing, wherever readers are: they cost no second go."""
    schedule, _ = made(20)
    schedule.have([0])
    for at in (15, 10, 5):
        schedule.join(Reader(at, at + 1))
    task = schedule.take("a", 2 * MIB, whole=True)
    assert task is not None
    assert (task.at, task.end) == (1, 20)
    assert schedule.take("a", 2 * MIB, whole=True) is None


def test_what_was_not_fetched_is_free_again() -> None:
    """A task that ends early leaves the rest to others."""
    schedule, _ = made(8)
    task = taken(schedule, "a", 8 * MIB)
    assert schedule.arrived(task, 3)
    schedule.give_back(task)
    assert taken(schedule, "b", 8 * MIB).at == 3
    assert schedule.ready(0, 8) == 3
    assert schedule.done_bytes == 3 * MIB


def test_an_idle_place_takes_over_the_end_of_the_longest_task() -> None:
    """When nothing is left to begin, the slowest task is divided in proportion to the speeds."""
    schedule, clock = made(16)
    slow = taken(schedule, "slow", 16 * MIB)
    clock.now += 2
    schedule.arrived(slow, 4)
    helper = taken(schedule, "fast", 4 * MIB)
    assert (slow.end, helper.at, helper.end) == (8, 8, 16)
    assert not helper.doubled


def test_the_last_piece_of_a_slow_place_is_fetched_twice_and_only_once_more() -> None:
    """One more place is asked for a last piece that cannot be divided; the first to have it wins."""
    schedule, clock = made(1)
    slow = taken(schedule, "slow")
    assert schedule.take("fast", 4 * MIB) is None
    clock.now += 3
    twin = taken(schedule, "fast")
    assert (twin.at, twin.end, twin.helps) == (0, 1, "slow")
    assert schedule.take("third", 4 * MIB) is None
    assert not schedule.arrived(twin, 1)
    assert schedule.complete
    assert not schedule.arrived(slow, 1)
    assert schedule.done_bytes == MIB


def test_a_twin_that_dies_is_replaced() -> None:
    """If who helps out fails, somebody else may help; the piece is not free while the slow one still has it."""
    schedule, clock = made(1)
    taken(schedule, "slow")
    clock.now += 3
    schedule.give_back(taken(schedule, "fast"))
    third = taken(schedule, "third")
    assert third.doubled


def test_a_waiting_reader_is_helped_at_once() -> None:
    """A reader that waits for a slow place's piece gets it from another, although there is other work."""
    schedule, clock = made(40)
    slow = taken(schedule, "slow", 4 * MIB)
    reader = Reader(0, 40, since=clock.now)
    schedule.join(reader)
    assert taken(schedule, "fast").at == slow.end
    clock.now += LATE + 0.1
    assert taken(schedule, "fast").at == 0


def test_a_place_does_not_help_itself() -> None:
    """What one place is slow with is not asked of it a second time."""
    schedule, clock = made(1)
    taken(schedule, "slow")
    clock.now += 3
    assert schedule.take("slow", 4 * MIB) is None


def test_what_is_here_already_is_not_fetched() -> None:
    """Pieces that an earlier run left are done from the start."""
    schedule, _ = made(4)
    schedule.have([0, 1, 3])
    task = taken(schedule, "a")
    assert (task.at, task.end) == (2, 3)
    assert not schedule.arrived(task, 3)
    assert schedule.complete


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 4))
def test_every_piece_is_done_in_the_end(seed: int, pieces: int, places: int) -> None:
    """Whatever places do, in whatever order, every piece is fetched, and the bytes are counted once."""
    dice = random.Random(seed)
    schedule, clock = made(pieces)
    running = list[Task]()
    for _ in range(2000):
        if schedule.complete:
            break
        clock.now += dice.random()
        task = dice.choice(running) if running and dice.random() < 0.7 else None
        if task is None:
            fresh = schedule.take(f"p{dice.randrange(places)}", dice.choice([0.0, 1.0, MIB, 50.0 * MIB]))
            running += [fresh] if fresh else []
            continue
        more = task.at < task.end and dice.random() < 0.8 and schedule.arrived(task, task.at + 1)
        if not more:
            running.remove(task)
            schedule.give_back(task)
    assert schedule.complete
    assert schedule.done_bytes == pieces * MIB
    assert schedule.ready(0, pieces) == schedule.first_gap(0) == pieces


def test_an_empty_file_is_complete() -> None:
    """A file without bytes has nothing to fetch."""
    schedule, _ = made(0)
    assert schedule.complete
    assert schedule.take("a", 1.0) is None


@pytest.mark.parametrize("end", [1, 3])
def test_ready_stops_at_gaps_and_ends(end: int) -> None:
    """What a reader can have ends where a piece is missing, or where he wants no more."""
    schedule, _ = made(4)
    schedule.have([0, 1, 3])
    assert schedule.ready(0, end) == min(end, 2)
