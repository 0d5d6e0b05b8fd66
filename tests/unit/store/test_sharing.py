"""Files get another place whole or not at all, and the cheapest way that works is taken."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path

import pytest

from hanse.errors import StorageError, StorageFull
from hanse.store import sharing
from hanse.store.sharing import copy, makes_links, move, replace_link, replace_text


@pytest.fixture(name="source")
def _source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"w" * 3_000_000)
    return path


@pytest.fixture(name="elsewhere")
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that nothing can be moved to, as on another file system."""

    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    def rename(self: Path, target: Path) -> Path:
        return refuse() if self.parent != target.parent else target  # type: ignore[return-value]

    path = tmp_path / "elsewhere"
    path.mkdir()
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(os, "copy_file_range", refuse)
    monkeypatch.setattr(sharing, "_clone", lambda *_: False)
    return path


def _names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_moving_writes_no_byte(source: Path) -> None:
    """The same inode has another name and mode, also where a file was."""
    inode = source.stat().st_ino
    target = source.with_name("target")
    target.write_text("old")
    assert move(source, target, 0o640)
    assert (target.stat().st_ino, target.stat().st_mode & 0o777) == (inode, 0o640)
    assert _names(source.parent) == ["target"]


def test_another_file_system_is_no_error(source: Path, elsewhere: Path) -> None:
    """What cannot be moved is left where it is, and copying it works."""
    target = elsewhere / "target"
    assert not move(source, target, 0o640)
    with source.open("rb") as file:
        copy(file.fileno(), source.stat().st_size, target, 0o644)
    assert target.read_bytes() == source.read_bytes()
    assert _names(elsewhere) == ["target"]


def test_a_copy_is_whole(source: Path) -> None:
    """A copy has every byte and the mode, and leaves nothing beside it, wherever the descriptor stood."""
    target = source.with_name("target")
    with source.open("rb") as file:
        file.read(1000)
        copy(file.fileno(), source.stat().st_size, target, 0o600)
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    assert _names(source.parent) == ["source", "target"]


def test_a_short_file_leaves_nothing(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that became shorter is an error, and what was at the target stays."""
    monkeypatch.setattr(sharing, "_clone", lambda *_: False)
    target = source.with_name("target")
    target.write_text("old")
    with source.open("rb") as file, pytest.raises(StorageError, match="shorter"):
        copy(file.fileno(), source.stat().st_size + 1, target, 0o600)
    assert target.read_text() == "old"
    assert _names(source.parent) == ["source", "target"]


def test_a_full_disk_is_told_as_such(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No space is StorageFull, and nothing is left behind."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sharing, "_clone", lambda *_: False)
    monkeypatch.setattr(os, "copy_file_range", full)
    with source.open("rb") as file, pytest.raises(StorageFull):
        copy(file.fileno(), 10, source.with_name("target"), 0o600)
    assert _names(source.parent) == ["source"]


def test_a_link_replaces_what_was_there(tmp_path: Path) -> None:
    """A link takes the place of a file and of another link, and one that is right is left alone."""
    target = tmp_path / "link"
    target.write_text("a file")
    replace_link(target, "one")
    replace_link(target, "two")
    before = target.lstat().st_ino
    replace_link(target, "two")
    assert (os.fspath(target.readlink()), target.lstat().st_ino) == ("two", before)


def test_a_folder_in_the_way_is_an_error(tmp_path: Path) -> None:
    """A folder is never removed to make room."""
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(StorageError):
        replace_text(tmp_path / "folder", "text")
    with pytest.raises(StorageError):
        replace_link(tmp_path / "folder", "to")
    (tmp_path / "source").write_bytes(b"x")
    with pytest.raises(StorageError):
        move(tmp_path / "source", tmp_path / "folder", 0o600)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "source"]
    assert (tmp_path / "folder" / "inside").is_dir()


def test_long_names(tmp_path: Path) -> None:
    """A name as long as the file system allows can be written, also in UTF-8."""
    for name in ("n" * 255, "ü" * 127):
        replace_text(tmp_path / name, "text")
        assert (tmp_path / name).read_text() == "text"


def test_whether_links_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is asked by making a link, of which nothing stays; one that may not be written to is an error, not a no."""
    assert makes_links(tmp_path)
    assert list(tmp_path.iterdir()) == []
    for number in (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EACCES):
        monkeypatch.setattr(Path, "symlink_to", partial(_refuse, number))
        if number == errno.EACCES:
            with pytest.raises(StorageError):
                makes_links(tmp_path)
        else:
            assert not makes_links(tmp_path)


def test_a_file_system_without_modes(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT refuses to set modes: files come to their places all the same."""
    monkeypatch.setattr(Path, "chmod", partial(_refuse, errno.EPERM))
    monkeypatch.setattr(os, "fchmod", partial(_refuse, errno.EPERM))
    with source.open("rb") as file:
        copy(file.fileno(), 3_000_000, tmp_path / "copied", 0o644)
    assert move(source, tmp_path / "moved", 0o644)
    assert (tmp_path / "copied").read_bytes() == (tmp_path / "moved").read_bytes() == b"w" * 3_000_000


def _refuse(number: int, *_: object) -> None:
    raise OSError(number, os.strerror(number))
