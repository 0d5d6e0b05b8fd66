"""A full disk: refused with 507, nothing acknowledged is lost, and all goes on once there is space."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.unshared import run_unshared


@pytest.mark.soak
def test_full_disk(tmp_path: Path) -> None:
    """Uploads by Xet, LFS and commits until the data folder's small file system is full: see `tests.faults.full_disk`."""
    assert "files acknowledged" in run_unshared("tests.faults.full_disk", tmp_path)


@pytest.mark.soak
def test_full_store(tmp_path: Path) -> None:
    """What is held is found, used and noted on a full disk, and room is made there: see `tests.faults.full_store`."""
    assert "held on a full disk" in run_unshared("tests.faults.full_store", tmp_path)
