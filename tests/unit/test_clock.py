"""Time enters as whole seconds and leaves as RFC 3339 text."""

from __future__ import annotations

import time

from hanse.clock import SystemClock, rfc3339


def test_now_is_the_machines_time() -> None:
    """The system clock counts whole seconds since 1970 UTC."""
    assert abs(SystemClock().now() - time.time()) < 5


def test_rfc3339_has_seconds_and_z() -> None:
    """Leaves carry UTC with seconds, as RFC 3339 writes it."""
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(1_795_334_604) == "2026-11-22T08:03:24Z"
