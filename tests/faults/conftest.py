"""Nodes that restart quickly, for tests that break them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.forked import Mother


@pytest.fixture(name="mother", scope="session")
def _mother() -> Iterator[Mother]:
    """Return the process that nodes are forked from."""
    with Mother() as made:
        yield made
