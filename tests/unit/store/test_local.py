"""What is particular to objects as files; the common contract is in tests/contract."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hanse.errors import StorageError
from hanse.store.keys import ObjectKey
from hanse.store.local import LocalStore

KEY = ObjectKey("blobs/aa/x")


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> LocalStore:
    """Return an empty store."""
    return LocalStore(tmp_path / "objects")


def test_second_store_on_the_same_folder_sees_everything(store: LocalStore, tmp_path: Path) -> None:
    """Processes share a store through the file system alone."""
    other = LocalStore(tmp_path / "objects")
    assert store.put(KEY, b"x")
    assert other.get(KEY) == b"x"
    assert not other.put(KEY, b"y")


def test_foreign_files_are_not_listed(store: LocalStore) -> None:
    """What lies in the folder without being a key is passed over."""
    store.put(KEY, b"x")
    (store.root / "blobs" / "aa" / "UPPER").write_bytes(b"")
    (store.root / "README").write_bytes(b"")
    assert list(store.list("")) == [KEY]


def test_key_below_an_object_is_missing(store: LocalStore) -> None:
    """A key that runs through another object is simply not there, and cannot be put."""
    store.put(KEY, b"x")
    below = ObjectKey(f"{KEY}/y")
    assert store.size(below) is None
    assert list(store.list(f"{KEY}/")) == []
    with pytest.raises(StorageError):
        store.put(below, b"y")


def test_open_file_survives_delete(store: LocalStore) -> None:
    """A reader that has the file open reads it to the end after a delete."""
    store.put(KEY, b"hello")
    path = store.local_path(KEY)
    assert path is not None
    with path.open("rb") as file:
        store.delete(KEY)
        assert file.read() == b"hello"


def test_objects_are_not_for_everybody(store: LocalStore) -> None:
    """Other users of the machine cannot read objects; the group can, for a web server that sends them."""
    store.put(KEY, b"x")
    path = store.local_path(KEY)
    assert path is not None
    assert path.stat().st_mode & 0o777 & ~0o640 == 0
    assert path.parent.stat().st_mode & 0o777 & ~0o750 == 0


def test_two_file_systems_are_refused(tmp_path: Path) -> None:
    """Objects and staging on different file systems cannot be linked, which is said at the start."""
    shared = Path("/dev/shm")
    if shared.stat().st_dev == tmp_path.stat().st_dev:
        shared = Path("/proc")
    (tmp_path / "staging").symlink_to(shared)
    with pytest.raises(StorageError, match="different file systems"):
        LocalStore(tmp_path / "objects")


def test_failed_link_shows_nothing(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk error while the name is given is a StorageError; nothing is visible and nothing is left in staging."""

    def fail(*_args: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(StorageError, match="Input/output error"):
        store.put(KEY, b"x")
    assert store.size(KEY) is None
    assert list((store.root.parent / "staging").iterdir()) == []
