"""One live node per group of client tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import LiveNode


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with forked_node(mother, tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture(name="repo")
def _repo(request: pytest.FixtureRequest) -> str:
    """Return a repository id of the test's own."""
    name = "".join(char if char.isalnum() else "-" for char in request.node.name).strip("-").replace("--", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return f"admin/{name[:80].strip('-')}"


@pytest.fixture(name="model")
def _model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder
