"""A home and a node that copies it, for the length of a test; the whole world of the copying node is checked afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import world
from tests.support.attesting import wait
from tests.support.copying import Pair, pair


@pytest.fixture(name="two")
def _two(tmp_path: Path) -> Iterator[Pair]:
    """Return the two members."""
    with pair(tmp_path) as made:
        yield made
        wait(made.node)
        world.check(made.node)
