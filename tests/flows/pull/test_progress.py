"""How far a pull is: bytes by source, what is on its way, what is to be said about places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from hanse.flows.pull.asked import PulledRevision
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.progress import MAX_REMARKS, Progress
from hanse.model.receipt import HELD


class Running:
    """A fetch as far as progress looks at it."""

    def __init__(self, done: int, total: int, sources: Mapping[str, int]) -> None:
        self.progress = (done, total)
        self.sources = sources


def _fetch(done: int, total: int, **sources: int) -> Fetch:
    return cast("Fetch", Running(done, total, sources))


def test_bytes_are_counted_by_source() -> None:
    """What is on its way counts as far as it is; what no place gave was here already."""
    progress = Progress()
    progress.begin(cast("PulledRevision", None), 3, 100)
    progress.fetching("a", _fetch(10, 50, one=6, two=4))
    state = progress.look()
    assert (state.done, state.fetching, dict(state.by_source)) == (10, ("a",), {"one": 6, "two": 4})
    progress.fetching("a", _fetch(50, 50, one=30, two=10))
    progress.finished("a", 50, {"one": 30, "two": 10})
    progress.finished("b", 50, {})
    state = progress.look()
    assert (state.done, state.size, state.files_done, state.fetching) == (100, 100, 2, ())
    assert dict(progress.sources) == {"one": 30, "two": 10, HELD: 60}


def test_remarks_are_bounded_and_said_once() -> None:
    """A place that misbehaves for ever fills no memory, and plain progress is no remark."""
    progress = Progress()
    for number in range(3 * MAX_REMARKS):
        for _ in range(2):
            progress.saw(Event(Kind.LIE, "a", "one", 1, message=f"one lied about chunk {number}"))
    progress.saw(Event(Kind.PROGRESS, "a", message="nothing"))
    progress.saw(Event(Kind.DEAD, "a"))
    assert len(progress.remarks) == len(set(progress.remarks)) == MAX_REMARKS


def test_speed_needs_two_looks() -> None:
    """Nothing divides by zero, and a speed is never negative."""
    progress = Progress()
    assert progress.look().speed == 0
    progress.finished("a", 1000, {})
    assert progress.look().speed > 0
