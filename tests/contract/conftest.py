"""The stores on which the contract of `hanse.store.base` is proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.store.base import BlobStore
from hanse.store.local import LocalStore


@pytest.fixture(name="store", params=["local"])
def _store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """Return an empty store of each kind."""
    return {"local": LocalStore}[request.param](tmp_path / "data" / "objects")


@pytest.fixture(name="staged")
def _staged(tmp_path: Path) -> Path:
    """Return a file in the staging area that can be adopted, holding `staged bytes`."""
    path = tmp_path / "data" / "staging" / "staged-test"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"staged bytes")
    return path
