"""Three members who hold the same model, follow each other, and may warn of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.flows.foreign.conftest import Agreed, Template, opened


@pytest.fixture(name="agreed", scope="module")
def _agreed(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agreed]:
    """Return three members of whom the first publishes a model and the others hold it."""
    with opened(template, tmp_path_factory.mktemp("agreed")) as made:
        yield made
