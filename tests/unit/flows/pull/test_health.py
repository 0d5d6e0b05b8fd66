"""Sources that do not answer are left alone for a while, by all processes, and longer each time."""

from __future__ import annotations

from pathlib import Path

from tests.support.nodes import TickingClock

from hanse.flows.pull.health import AGAIN_SECONDS, MAX_REST_SECONDS, REST_SECONDS, Health
from hanse.store.held import Held


def test_a_source_that_failed_rests(tmp_path: Path) -> None:
    """Longer each time up to a bound, until it answers; a clock set back does not make it rest for ever."""
    clock = TickingClock()
    with Held.open(tmp_path / "held") as held:
        health, other = Health(held, clock), Health(held, clock)
        assert not health.resting("http://a")
        seconds = REST_SECONDS
        for _ in range(8):
            health.failed("http://a")
            assert other.resting("http://a")
            assert not other.resting("http://b")
            clock.time += seconds - 1
            assert other.resting("http://a")
            clock.time += 1
            assert not other.resting("http://a")
            seconds = min(2 * seconds, MAX_REST_SECONDS)
        health.failed("http://a")
        clock.time -= 10_000
        assert not health.resting("http://a")
        clock.time += 10_000
        health.answered("http://a")
        assert not other.resting("http://a")
        health.failed("http://a")
        clock.time += REST_SECONDS
        assert not health.resting("http://a")
        held.put("down", "http://a", b"x" * 100, clock.time)
        assert health.resting("http://a")


def test_every_process_tries_one_that_rests_once(tmp_path: Path) -> None:
    """Shortly, so that what is back is seen at the next start; whoever saw it fail himself does not try it."""
    clock = TickingClock()
    with Held.open(tmp_path / "held") as held:
        first, second = Health(held, clock), Health(held, clock)
        assert first.patience("http://a", 2.0) == 2.0
        first.failed("http://a")
        assert first.patience("http://a", 2.0) == 0.0
        assert [second.patience("http://a", 2.0) for _ in range(2)] == [AGAIN_SECONDS, 0.0]
        second.answered("http://a")
        assert first.patience("http://a", 2.0) == 2.0
