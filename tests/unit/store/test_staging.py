"""Files being written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hanse.store.keys import ObjectKey
from hanse.store.local import LocalStore
from hanse.store.staging import Staging

NOW = 1_800_000_000


@pytest.fixture(name="staging")
def _staging(tmp_path: Path) -> Staging:
    """Return an empty staging area beside a store."""
    return Staging(tmp_path / "staging")


def test_written_bytes_are_counted_and_read_back(staging: Staging) -> None:
    """A staged file knows its size in bytes and can be read while it is written."""
    with staging.create() as staged:
        staged.write(b"hello ")
        staged.write(memoryview(b"world"))
        staged.write(memoryview(bytearray(8)).cast("Q"))
        staged.finish()
        assert staged.size == 19 == staged.path.stat().st_size
        assert staged.read_at(6, 5) == b"world"
        assert staged.read_at(19, 5) == b""


def test_given_up_file_is_removed(staging: Staging) -> None:
    """What is not adopted when its block ends is gone."""
    with staging.create() as staged:
        staged.write(b"x")
    staged.close()
    assert list(staging.root.iterdir()) == []


def test_adopted_file_stays(staging: Staging, tmp_path: Path) -> None:
    """A file that became an object is not removed with its staging name."""
    store, key = LocalStore(tmp_path / "objects"), ObjectKey("blobs/aa/x")
    with staging.create() as staged:
        staged.write(b"x")
        staged.finish()
        assert store.adopt(key, staged.path)
    assert store.get(key) == b"x"
    assert list(staging.root.iterdir()) == []


def test_purge_removes_only_old_staged_files(staging: Staging) -> None:
    """Left-overs older than a day go; younger ones, other names and sub-folders stay."""
    (staging.root / "lfs").mkdir()
    for name, age in (("staged-old", 90_000), ("staged-young", 80_000), ("other", 900_000), ("lfs/staged-part", 900_000)):
        path = staging.root / name
        path.write_bytes(b"x")
        os.utime(path, (NOW - age, NOW - age))
    assert staging.purge(NOW) == 1
    assert {path.name for path in staging.root.iterdir()} == {"staged-young", "other", "lfs"}
    assert (staging.root / "lfs" / "staged-part").exists()
