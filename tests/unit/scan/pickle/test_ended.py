"""How a run ends."""

from __future__ import annotations

from hanse.scan.pickle.ended import Ended, Framed


def test_ends_say_why_and_where() -> None:
    """The reason and the offset are what the machine goes on with."""
    assert Ended("stop").reason == "stop"
    assert Framed(9).offset == 9
