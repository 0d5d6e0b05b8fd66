"""The steps of a durable write, and what their failures become."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hanse.errors import StorageError, StorageFull
from hanse.store import durable
from hanse.store.durable import make_directory, publish, storage_errors, sync_all_fresh, sync_directory, write_all, write_new


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EFBIG, StorageFull),
        (errno.EIO, StorageError),
        (errno.EROFS, StorageError),
    ],
)
def test_errors_are_sorted(number: int, kind: type[StorageError]) -> None:
    """A full disk, quota or size limit is told from other failures, with what to do."""
    with pytest.raises(StorageError, match="cannot store x") as refusal, storage_errors("store x"):
        raise OSError(number, os.strerror(number))
    assert type(refusal.value) is kind
    assert refusal.value.hint
    assert isinstance(refusal.value.__cause__, OSError)


def test_what_is_in_the_way_is_no_broken_disk(tmp_path: Path) -> None:
    """Where a folder lies at the place of a file, whoever asked is told to move it, and nothing of disks."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError) as refusal, storage_errors("store x"):
        (tmp_path / "file").replace(tmp_path)
    assert "in its place" in refusal.value.hint


def test_a_file_system_without_links_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a link is refused, the hint says that this may be the file system's doing."""

    def link(first: Path, second: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(first), None, str(second))

    monkeypatch.setattr(os, "link", link)
    (tmp_path / "staged").write_bytes(b"x")
    with pytest.raises(StorageError) as told, storage_errors("store an object"):
        publish(tmp_path / "staged", tmp_path / "object")
    assert "makes no links, as FAT" in told.value.hint


@pytest.mark.parametrize("whole", [True, False])
def test_many_files_are_flushed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, whole: bool) -> None:
    """A few are flushed each, many by their file system, where that can be done; what rested long or is gone is not looked at."""
    flushed, systems = list[int](), list[int]()

    def system(file: int) -> int:
        systems.append(file)
        return -(len(systems) > 1)

    monkeypatch.setattr(os, "fsync", flushed.append)
    monkeypatch.setattr(durable, "_system_flush", lambda: system if whole else None)
    paths = [tmp_path / str(number) for number in range(40)]
    for path in paths[1:]:
        path.write_bytes(b"x")
    found = [(str(path), 1, time.time_ns()) for path in paths]
    sync_all_fresh([*found[:5], *((path, device, 0) for path, device, _ in found)])
    assert (len(flushed), len(systems)) == (4, 0)
    sync_all_fresh(found)
    assert (len(flushed), len(systems)) == ((4, 1) if whole else (43, 0))
    if whole:
        with pytest.raises(OSError, match="could not be flushed"):
            sync_all_fresh(found)


def test_the_system_flushes_a_file_system(tmp_path: Path) -> None:
    """Real files, by what this system has."""
    paths = [tmp_path / str(number) for number in range(20)]
    for path in paths:
        path.write_bytes(b"x")
    sync_all_fresh((str(path), path.stat().st_dev, path.stat().st_ctime_ns) for path in paths)
    assert sys.platform != "linux" or durable._system_flush() is not None


def test_a_file_too_large_for_its_file_system(tmp_path: Path) -> None:
    """Where the system limits file sizes, a large object is refused as StorageFull, with that reason, and nothing of it stays."""
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from hanse.errors import StorageFull\nfrom hanse.store.local import LocalStore\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "store = LocalStore(Path(sys.argv[1]) / 'objects')\n"
        "try: store.put('blobs/aa/x', b'x' * 200_000)\n"
        "except StorageFull as error: print('no file of this size' in error.hint, list(store.list('')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"
    assert list((tmp_path / "staging").iterdir()) == []


def test_write_all_accepts_any_view(tmp_path: Path) -> None:
    """Bytes and views of wider items are written completely."""
    with (tmp_path / "x").open("wb") as file:
        write_all(file.fileno(), b"abc")
        write_all(file.fileno(), memoryview(bytearray(8)).cast("Q"))
    assert (tmp_path / "x").read_bytes() == b"abc" + bytes(8)


def test_make_directory_makes_all_above(tmp_path: Path) -> None:
    """Folders are made down to the wanted one, and making them again is fine."""
    make_directory(tmp_path / "a" / "b" / "c", 0o700)
    make_directory(tmp_path / "a" / "b" / "c", 0o700)
    assert (tmp_path / "a" / "b" / "c").is_dir()
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_write_new_refuses_a_taken_name(tmp_path: Path) -> None:
    """A file that exists is never overwritten."""
    write_new(tmp_path / "key", b"first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_publish_keeps_the_first(tmp_path: Path) -> None:
    """The second file that asks for a name is dropped, and the first keeps its bytes."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    assert publish(tmp_path / "one", tmp_path / "target")
    assert not publish(tmp_path / "two", tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert (tmp_path / "target").read_text() == "one"


def test_order_of_system_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are synced before the name is given, and the folder before the object is acknowledged."""
    from hanse.store.keys import ObjectKey
    from hanse.store.local import LocalStore

    store = LocalStore(tmp_path / "objects")
    store.put(ObjectKey("blobs/aa/other"), b"")
    calls: list[str] = []

    def spy(name: str) -> None:
        real = getattr(os, name)

        def record(*args: object, **more: object) -> object:
            calls.append(name)
            return real(*args, **more)

        monkeypatch.setattr(os, name, record)

    for name in ("write", "fsync", "link", "unlink"):
        spy(name)
    store.put(ObjectKey("blobs/aa/x"), b"bytes")
    assert calls[:4] == ["write", "fsync", "link", "fsync"]


def test_sync_directory_of_a_missing_folder(tmp_path: Path) -> None:
    """Syncing a folder that is gone is an error, not silence."""
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "gone")
