"""Three members who hold the same model, follow each other, and may warn of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.flows.foreign.conftest import A, Agreed, B, C, agree
from tests.support.fellows import fellows


@pytest.fixture(name="agreed", scope="module")
def _agreed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agreed]:
    """Return three members of whom the first publishes a model and the others hold it."""
    with fellows(tmp_path_factory.mktemp("agreed"), A, B, C) as made:
        yield agree(made)
