"""A held store in a folder of its own, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.held import Clock

from hanse.store.held import Held


@pytest.fixture(name="clock")
def _clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture(name="held")
def _held(tmp_path: Path, clock: Clock) -> Iterator[Held]:
    """Yield an empty store."""
    with Held.open(tmp_path / "held", clock=clock) as held:
        yield held
