"""A server that fetches a file itself is waited for while something moves there, and never for ever."""

from __future__ import annotations

from hanse.flows.pull.busy import MAX_REST_SECONDS, MAX_SECONDS, MAX_STILL_SECONDS, STILL_SECONDS, Waited, rest_of
from hanse.model.steps import Steps

GIB = 1 << 30


def test_as_long_as_it_moves() -> None:
    """Each byte more buys another minute; a minute without one ends it."""
    waited, now = Waited(), 100.0
    for done in range(50):
        assert waited.goes_on(Steps(done, 1000), now)
        now += STILL_SECONDS - 1
    assert waited.goes_on(Steps(49, 1000), now)
    assert not waited.goes_on(Steps(49, 1000), now + 2)


def test_a_large_file_is_checked_meanwhile() -> None:
    """What is there whole is hashed and scanned, so that large files may stand still longer, within an hour."""
    waited = Waited()
    assert waited.goes_on(Steps(20 * GIB, 20 * GIB), 0.0)
    assert waited.goes_on(Steps(20 * GIB, 20 * GIB), 600.0)
    assert not waited.goes_on(Steps(20 * GIB, 20 * GIB), 800.0)
    huge = Waited()
    assert huge.goes_on(Steps(0, 10**18), 0.0)
    assert not huge.goes_on(Steps(0, 10**18), MAX_STILL_SECONDS)


def test_a_day_at_most() -> None:
    """Who counts for ever holds nobody for longer than a day."""
    waited, now, done = Waited(), 0.0, 0
    while waited.goes_on(Steps(done, 10**9), now):
        now, done = now + 50, done + 1
    assert now <= MAX_SECONDS


def test_it_is_said_now_and_then() -> None:
    """A person is told at once, and then less and less often."""
    waited = Waited()
    told = [now for now in range(1000) if waited.to_say(float(now))]
    assert told == [0, 30, 90, 210, 450, 930]


def test_asked_again_soon() -> None:
    """Neither at once nor as late as a server likes."""
    assert [rest_of(seconds) for seconds in (0, 1, 5, 3600)] == [1.0, 1.0, 5.0, MAX_REST_SECONDS]
