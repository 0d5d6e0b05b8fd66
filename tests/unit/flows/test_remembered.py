"""What was hashed before: used while a file is the same, never when somebody else could have written it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from hanse.flows.remembered import SETTLED_NS, Remembered, read_private, write_private
from hanse.model.digest import Sha256

DIGEST = Sha256("ab" * 32)


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"abc")
    return path


def later() -> int:
    """Return a time at which what was written just now has rested."""
    return time.time_ns() + 2 * SETTLED_NS


def test_what_rested_is_remembered_in_a_private_file(file: Path, tmp_path: Path) -> None:
    """The digest is found again by the next process, in a file that nobody else can read."""
    known = Remembered.of(tmp_path / "home", tmp_path)
    known.keep(file.stat(), DIGEST, later(), file)
    known.save()
    assert Remembered.of(tmp_path / "home", tmp_path).find(file.stat()) == DIGEST
    assert Remembered.of(tmp_path / "home", tmp_path / "home").find(file.stat()) is None
    (stored,) = (tmp_path / "home" / "verified").iterdir()
    assert stored.stat().st_mode & 0o777 == 0o600
    assert stored.parent.stat().st_mode & 0o777 == 0o700


def test_what_changed_just_now_is_not_remembered(file: Path, tmp_path: Path) -> None:
    """A file system may give two quick changes one time, so a file that was changed just before it was hashed is hashed again."""
    known = Remembered(tmp_path / "known.json")
    known.keep(file.stat(), DIGEST, time.time_ns(), file)
    assert known.find(file.stat()) is None
    known.save()
    assert not (tmp_path / "known.json").exists()


def test_any_change_is_noticed(file: Path, tmp_path: Path) -> None:
    """Another size, time of content, time of the inode or inode is another file; putting the time back does not hide it."""
    known = Remembered(tmp_path / "known.json")
    before = file.stat()
    known.keep(before, DIGEST, later(), file)
    assert known.find(before) == DIGEST
    file.write_bytes(b"abd")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert known.find(file.stat()) is None
    file.rename(file.with_name("old"))
    file.write_bytes(b"abc")
    assert known.find(file.stat()) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"v":2,"files":[]}', b'{"v":1,"files":[[1,2]]}', b'{"v":1,"files":[5]}'])
def test_a_damaged_file_only_costs_time(damage: bytes, file: Path, tmp_path: Path) -> None:
    """What cannot be read is as if nothing was remembered."""
    path = tmp_path / "known.json"
    write_private(path, damage)
    assert Remembered(path).find(file.stat()) is None


def test_what_others_can_write_is_not_used(file: Path, tmp_path: Path) -> None:
    """A file that another user may write, or a link, is ignored: it could call anything verified."""
    path = tmp_path / "known.json"
    status = file.stat()
    identity = [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    write_private(path, json.dumps({"v": 1, "files": [[*identity, DIGEST]]}).encode())
    assert Remembered(path).find(status) == DIGEST
    path.chmod(0o622)
    assert Remembered(path).find(status) is None
    path.chmod(0o600)
    (tmp_path / "link.json").symlink_to(path)
    assert Remembered(tmp_path / "link.json").find(status) is None


def test_a_place_that_cannot_be_written_is_no_error(file: Path, tmp_path: Path) -> None:
    """Remembering is a convenience: verification does not fail for it."""
    (tmp_path / "blocked").write_text("")
    known = Remembered(tmp_path / "blocked" / "known.json")
    known.keep(file.stat(), DIGEST, later(), file)
    known.save()
    assert read_private(tmp_path / "none", 10) is None
