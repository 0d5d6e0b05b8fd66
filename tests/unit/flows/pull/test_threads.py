"""Several things at once, and nobody waits for the slow ones."""

from __future__ import annotations

import threading

import pytest

from hanse.flows.pull.threads import done_within, started


def test_who_is_done_is_told_in_order() -> None:
    """The others go on, and are done whenever they are."""
    gate = threading.Event()

    def slow() -> str:
        assert gate.wait(120)
        return "slow"

    first, second = started(slow), started(lambda: "fast")
    assert second.result(120) == "fast"
    assert done_within([first, second], 0) == [second]
    gate.set()
    assert [one.result() for one in done_within([first, second], None)] == ["slow", "fast"]


def test_what_goes_wrong_is_raised_where_it_is_asked_for() -> None:
    """A thread ends with its error kept."""

    def bad() -> None:
        raise ValueError("no")

    (one,) = done_within([started(bad)], None)
    with pytest.raises(ValueError, match="no"):
        one.result()
