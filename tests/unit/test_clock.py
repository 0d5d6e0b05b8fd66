"""Time enters as whole seconds and leaves as RFC 3339 text."""

from __future__ import annotations

import time

import pytest

from hanse.clock import SystemClock, rfc3339
from hanse.errors import BadSetting


def test_now_is_the_machines_time() -> None:
    """The system clock counts whole seconds since 1970 UTC."""
    assert abs(SystemClock().now() - time.time()) < 5


def test_a_clock_before_1970(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that no record can have is said at once, and what to do about it."""
    monkeypatch.setattr(time, "time", lambda: -86_400.5)
    with pytest.raises(BadSetting, match="1969-12-3"):
        SystemClock().now()


def test_rfc3339_has_seconds_and_z() -> None:
    """Leaves carry UTC with seconds, as RFC 3339 writes it."""
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(1_795_334_604) == "2026-11-22T08:03:24Z"
