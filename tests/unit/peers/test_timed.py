"""Times that have passed; servers that are slow with each part of an answer are in tests/contract/test_timed.py."""

from __future__ import annotations

import time

import pytest

from hanse.peers.timed import Late, left_until


def test_what_is_left() -> None:
    """No wait begins once its time has passed: a time-out of nothing would mean no time-out to a socket."""
    assert left_until(time.monotonic() + 60) > 0
    with pytest.raises(Late, match="in time"):
        left_until(time.monotonic())
