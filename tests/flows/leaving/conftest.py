"""One node with two settled revisions, and what it exported: made once, copied by whoever alters it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.leaving import a_node, fill

from hanse.db.repos import Repo
from hanse.flows.leaving.export import export
from hanse.flows.node import Node
from hanse.model.digest import GitOid


@dataclass(frozen=True)
class Left:
    """The node, its repository, what was published, and the export that was made of it."""

    node: Node
    repo: Repo
    revs: list[GitOid]
    folder: Path


@pytest.fixture(name="left", scope="session")
def _left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """Return a node and an export of it; neither may be changed."""
    base = tmp_path_factory.mktemp("left")
    with a_node(base / "node") as node:
        repo, revs = fill(node)
        export(node, base / "out")
        yield Left(node, repo, revs, base / "out")


@pytest.fixture(name="copied")
def _copied(left: Left, tmp_path: Path) -> Path:
    """Return a copy of the export that may be changed."""
    return Path(shutil.copytree(left.folder, tmp_path / "copied"))
