"""Objects moved out of the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import StorageError
from hanse.flows.quarantine import move_object
from hanse.store.keys import ObjectKey
from hanse.store.local import LocalStore

KEY = ObjectKey("blobs/aa/file")


def test_an_object_is_moved_under_its_key(tmp_path: Path) -> None:
    """It is gone from the store and whole in its new place; a later one of the same key replaces it."""
    store = LocalStore(tmp_path / "objects")
    for data in (b"x" * 3_000_000, b"y"):
        store.put(KEY, data)
        assert move_object(store, KEY, tmp_path / "quarantine")
        assert store.size(KEY) is None
        assert (tmp_path / "quarantine" / KEY).read_bytes() == data
    assert not move_object(store, KEY, tmp_path / "quarantine")


def test_what_cannot_be_moved_stays(tmp_path: Path) -> None:
    """An object that cannot be kept elsewhere is not deleted."""
    store = LocalStore(tmp_path / "objects")
    store.put(KEY, b"x")
    (tmp_path / "quarantine").write_bytes(b"in the way")
    with pytest.raises(StorageError):
        move_object(store, KEY, tmp_path / "quarantine")
    assert store.get(KEY) == b"x"
