"""Held files: an opened one is the file that was hashed, by everything that a change of it would change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.held import sha256_of

from hanse.errors import BlobNotFound
from hanse.store.held import HeldFile
from hanse.store.held.heldfile import Identity, hash_file, identify


def held(path: Path, *, adopted: bool = True) -> HeldFile:
    """Return the file at `path` as held."""
    found = identify(path)
    assert found is not None
    return HeldFile(path, found.size, sha256_of(path.read_bytes()), None, None, adopted, found)


def test_a_change_with_the_old_times_is_seen(tmp_path: Path) -> None:
    """Setting the time of change back does not hide a change of the same length: the inode's own time tells."""
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    before = held(path)
    path.write_bytes(b"abd")
    os.utime(path, ns=(before.identity.mtime_ns, before.identity.mtime_ns))
    with pytest.raises(BlobNotFound, match="changed"):
        before.open()


def test_another_file_in_its_place(tmp_path: Path) -> None:
    """A link, a pipe or another inode under the same name is not opened as the file."""
    path, other = tmp_path / "x", tmp_path / "y"
    path.write_bytes(b"abc")
    before = held(path)
    path.rename(other)
    path.symlink_to(other)
    with pytest.raises(BlobNotFound):
        before.open()
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BlobNotFound):
        before.open()


def test_another_device_number(tmp_path: Path) -> None:
    """Device numbers may change with a restart: that matters for files of others, not in the store's own folder."""
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    for adopted in (False, True):
        one = held(path, adopted=adopted)
        moved = HeldFile(path, 3, one.sha256, None, None, adopted, Identity(one.identity.dev + 1, *one.identity[1:]))
        if adopted:
            with pytest.raises(BlobNotFound):
                moved.open()
        else:
            os.close(moved.open())


def test_hashing(tmp_path: Path) -> None:
    """A file's digest and identity; none for what is no regular file, or gone."""
    path = tmp_path / "x"
    path.write_bytes(b"a" * 3_000_000)
    assert hash_file(path) == (sha256_of(b"a" * 3_000_000), identify(path))
    assert hash_file(tmp_path / "none") is None
    assert identify(tmp_path) is None
    os.mkfifo(tmp_path / "pipe")
    assert hash_file(tmp_path / "pipe") is None
