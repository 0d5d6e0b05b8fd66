"""Files that clients left half-way are gone before the next program starts, and those they are at work on stay."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from hanse.errors import StorageError
from hanse.flows.gateway.partial import remove_partial

ETAG = "ab" * 32


def _blobs(tmp_path: Path) -> Path:
    blobs = tmp_path / "models--org--m" / "blobs"
    blobs.mkdir(parents=True)
    return blobs


@pytest.mark.parametrize("name", [f"{ETAG}.incomplete", f"{ETAG}.0123abcd.incomplete", f"{ETAG}.part"])
def test_what_was_left_goes(tmp_path: Path, name: str) -> None:
    """A file of any client that nobody is at work on is removed, whether a lock was left or not; whole blobs stay."""
    blobs = _blobs(tmp_path)
    (tmp_path / ".locks" / "models--org--m").mkdir(parents=True)
    for _ in range(2):
        (blobs / name).write_bytes(b"half")
        (blobs / ETAG).write_bytes(b"whole")
        remove_partial(tmp_path)
        assert [one.name for one in blobs.iterdir()] == [ETAG]
        (tmp_path / ".locks" / "models--org--m" / f"{ETAG}.lock").touch()


@pytest.mark.parametrize("lock", [f".locks/models--org--m/{ETAG}.lock", f"models--org--m/blobs/{ETAG}.lock"])
def test_what_a_client_is_at_work_on_stays(tmp_path: Path, lock: str) -> None:
    """While a client of another session holds the lock of a file, its beginning is left to it."""
    half = _blobs(tmp_path) / f"{ETAG}.incomplete"
    half.write_bytes(b"half")
    (tmp_path / lock).parent.mkdir(parents=True, exist_ok=True)
    with (tmp_path / lock).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_partial(tmp_path)
        assert half.exists()
    remove_partial(tmp_path)
    assert not half.exists()


def test_other_folders(tmp_path: Path) -> None:
    """Entries without blobs and files beside entries are passed over, and a cache that is none is an error."""
    (tmp_path / "models--org--m").mkdir()
    (tmp_path / "notes.incomplete").write_bytes(b"")
    remove_partial(tmp_path)
    assert (tmp_path / "notes.incomplete").exists()
    with pytest.raises(StorageError):
        remove_partial(tmp_path / "nowhere")
