"""A file that is written at the end is looked at before, and appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hanse.errors import StorageError
from hanse.store.outfile import replace_file, require_writable


def test_looking_leaves_everything_as_it_is(tmp_path: Path) -> None:
    """A file that can be written is neither made nor emptied, nor are folders that will be made."""
    there = tmp_path / "there"
    there.write_text("old")
    for path in (None, there, tmp_path / "new"):
        require_writable(path)
    require_writable(tmp_path / "a" / "b" / "c", folders=True)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("there", "old")]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A folder that is not there, a folder in place of the file, a file in place of a folder, and a name that is too long."""
    (tmp_path / "file").touch()
    for bad in (tmp_path / "none" / "x", tmp_path, tmp_path / "file" / "x", tmp_path / ("x" * 300)):
        with pytest.raises(StorageError, match="cannot write"):
            require_writable(bad)
    with pytest.raises(StorageError, match="Not a directory"):
        require_writable(tmp_path / "file" / "a" / "x", folders=True)


def test_a_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new one keeps the mode of the old one, which stays as it was if writing fails."""
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o600)
    replace_file(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)

    def full(_path: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"):
        replace_file(path, b"newer")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("x", b"new")]


def test_links_and_devices_are_written_into(tmp_path: Path) -> None:
    """A link stays one, and a device, too."""
    (tmp_path / "link").symlink_to("target")
    for path in (tmp_path / "link", Path(os.devnull)):
        require_writable(path)
        replace_file(path, b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"x"
    assert Path(os.devnull).is_char_device()
