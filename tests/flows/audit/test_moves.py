"""Quarantine: bad revisions out of the clients' reach, and back, whatever interrupts it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.caches import REV, etag_of, write_cache

from hanse.errors import StorageError
from hanse.flows.audit.folder import Audited, AuditReport, State, audit_folder
from hanse.flows.audit.moves import Moved, moved_before, quarantine, restore
from hanse.flows.found import QUARANTINE
from hanse.store.held import Held

FILES = {"config.json": b"{}", "model.bin": b"w" * 100_000}
OTHER = "b" * 40


@pytest.fixture(name="held")
def _held(tmp_path: Path) -> Iterator[Held]:
    with Held.open(tmp_path / "held") as held:
        yield held


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Return everything below a folder: bytes of files, targets of links."""
    return {
        str(one.relative_to(folder)): str(one.readlink()) if one.is_symlink() else one.read_bytes()
        for one in sorted(folder.rglob("*"))
        if one.is_symlink() or one.is_file()
    }


def altered(tmp_path: Path) -> Path:
    """Return a cache with one good revision and one that has an altered blob."""
    entry = write_cache(tmp_path / "hub", FILES)
    write_cache(tmp_path / "hub", {"config.json": b"{}", "good.bin": b"g" * 5000}, rev=OTHER)
    (entry / "blobs" / etag_of(FILES["model.bin"])).write_bytes(b"W" * 100_000)
    return entry


def moved(held: Held, tmp_path: Path) -> Moved | None:
    """Audit the cache and move what is bad."""
    return quarantine(audit_folder(tmp_path / "hub", held), tmp_path / "hub", tmp_path / "home", 1000)


def test_there_and_back(held: Held, tmp_path: Path) -> None:
    """The altered snapshot and blob go, everything else stays; putting back gives exactly what was there."""
    entry = altered(tmp_path)
    before = snapshot(tmp_path / "hub")
    found = moved(held, tmp_path)
    assert found is not None
    assert [one for one, _ in found.moves] == [entry / "snapshots" / REV, entry / "blobs" / etag_of(FILES["model.bin"])]
    after = snapshot(tmp_path / "hub")
    assert after.keys() == {one for one in before if REV not in one and etag_of(FILES["model.bin"]) not in one}
    assert moved(held, tmp_path) is None
    done = restore(tmp_path / "hub", tmp_path / "home")
    assert (done.moved, done.problems) == (2, ())
    assert snapshot(tmp_path / "hub") == before
    assert moved_before(tmp_path / "home") == []


def test_a_shared_blob_goes_too(held: Held, tmp_path: Path) -> None:
    """An altered blob in the store that entries share is moved with the link to it: other entries would get it again."""
    entry = altered(tmp_path)
    blob = entry / "blobs" / etag_of(FILES["model.bin"])
    shared = tmp_path / "hub" / "blobs" / "ab" / ("ab" * 32)
    shared.parent.mkdir(parents=True)
    blob.rename(shared)
    blob.symlink_to(os.path.relpath(shared, blob.parent))
    before = snapshot(tmp_path / "hub")
    assert moved(held, tmp_path) is not None
    assert not shared.exists()
    assert not os.path.lexists(blob)
    restore(None, tmp_path / "home")
    assert snapshot(tmp_path / "hub") == before


def test_refused_bytes_stay_in_blobs(held: Held, tmp_path: Path) -> None:
    """Of a refused revision the snapshot goes; true blobs stay for revisions that are not refused."""
    entry = write_cache(tmp_path / "hub", FILES)
    found = audit_folder(tmp_path / "hub", held, None, lambda _, path, *__: "refused" if path == "model.bin" else "")
    assert quarantine(found, tmp_path / "hub", tmp_path / "home", 1) is not None
    assert not (entry / "snapshots" / REV).exists()
    assert (entry / "blobs" / etag_of(FILES["model.bin"])).exists()


def test_of_a_plain_folder_only_bad_files(held: Held, tmp_path: Path) -> None:
    """Out of a folder that somebody made himself go the bad files alone, and of a revision refused as a whole all."""
    for path, data in FILES.items():
        (tmp_path / path).write_bytes(data)
    folder = tmp_path / "model"
    folder.mkdir()
    for path in FILES:
        (tmp_path / path).rename(folder / path)
    report = audit_folder(folder, held, None, lambda _, path, *__: "refused" if path == "model.bin" else "")
    quarantine(report, folder, tmp_path / "home", 1)
    assert sorted(one.name for one in folder.iterdir()) == ["config.json"]
    assert restore(folder, tmp_path / "home").moved == 1
    (one,) = audit_folder(folder, held).revisions
    whole = Audited(one.found, State.REFUSED, "", "", "recalled", one.files)
    quarantine(AuditReport((whole,), 0), folder, tmp_path / "home", 1)
    assert list(folder.iterdir()) == []


def test_something_else_is_there_now(held: Held, tmp_path: Path) -> None:
    """What was downloaded again meanwhile is not overwritten; what could be put back is, and the rest stays noted."""
    entry = altered(tmp_path)
    moved(held, tmp_path)
    blob = entry / "blobs" / etag_of(FILES["model.bin"])
    blob.write_bytes(FILES["model.bin"])
    done = restore(tmp_path / "hub", tmp_path / "home")
    assert done.moved == 1
    assert "something else is there now" in done.problems[0]
    assert blob.read_bytes() == FILES["model.bin"]
    blob.unlink()
    assert restore(tmp_path / "hub", tmp_path / "home").moved == 1
    assert blob.read_bytes() == b"W" * 100_000


def test_what_is_downloaded_again_lies_there_once(held: Held, tmp_path: Path) -> None:
    """The same snapshot and blob, moved away each time, take the place of their like; another content has one of its own."""
    blob = tmp_path / "hub" / "models--org--name" / "blobs" / etag_of(FILES["model.bin"])

    def again(data: bytes) -> Moved | None:
        write_cache(tmp_path / "hub", FILES)
        blob.write_bytes(data)
        return moved(held, tmp_path)

    kept = [again(b"W" * 100_000) for _ in range(3)]
    assert moved_before(tmp_path / "home") == kept[-1:]
    assert len(list((tmp_path / "home" / "quarantine").iterdir())) == 2, "a note and its folder"
    again(b"V" * 100_000)
    assert sorted(len(one.moves) for one in moved_before(tmp_path / "home")) == [1, 2]
    again(b"W" * 100_000)
    contents = sorted(
        target.read_bytes()[:1] for one in moved_before(tmp_path / "home") for item, target in one.moves if item == blob
    )
    assert contents == [b"V", b"W"]


def test_only_the_named_folder_is_put_back(held: Held, tmp_path: Path) -> None:
    """What was moved out of another cache stays where it is."""
    altered(tmp_path)
    moved(held, tmp_path)
    assert restore(tmp_path / "elsewhere", tmp_path / "home").moved == 0
    assert restore(tmp_path, tmp_path / "home").moved == 2


def test_a_crash_before_the_move(held: Held, tmp_path: Path) -> None:
    """A move that was noted and not made is passed over when things are put back."""
    entry = altered(tmp_path)
    found = moved(held, tmp_path)
    assert found is not None
    for item, target in found.moves:
        target.rename(item)
    assert restore(tmp_path / "hub", tmp_path / "home").problems == ()
    assert (entry / "snapshots" / REV).is_dir()


def test_another_file_system(held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the home is on another file system, files go to a folder beside the cache, still by a rename."""
    altered(tmp_path)
    rename = Path.rename

    def across(self: Path, target: Path) -> Path:
        if target.is_relative_to(tmp_path / "home" / "quarantine"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", across)
    found = moved(held, tmp_path)
    assert found is not None
    assert all(target.is_relative_to(tmp_path / QUARANTINE) for _, target in found.moves)
    assert restore(tmp_path / "hub", tmp_path / "home").moved == 2


def test_a_damaged_note(tmp_path: Path) -> None:
    """A note that cannot be read is an error, not a quarantine that was forgotten."""
    folder = tmp_path / "quarantine"
    folder.mkdir(mode=0o700)
    (folder / f"{'0' * 16}.json").write_text(json.dumps({"moves": 1}))
    with pytest.raises(StorageError, match="cannot be read"):
        moved_before(tmp_path)


def test_only_the_bad_file_goes(held: Held, tmp_path: Path) -> None:
    """While a program uses a snapshot, only the altered blob and its link go, and both come back."""
    entry = altered(tmp_path)
    before = snapshot(tmp_path / "hub")
    done = quarantine(audit_folder(tmp_path / "hub", held), tmp_path / "hub", tmp_path / "home", 1000, whole=False)
    assert done is not None
    assert {str(one) for one, _ in done.moves} == {
        str(entry / "snapshots" / REV / "model.bin"),
        str(entry / "blobs" / etag_of(FILES["model.bin"])),
    }
    assert (entry / "snapshots" / REV / "config.json").exists()
    assert restore(tmp_path / "hub", tmp_path / "home").moved == 2
    assert snapshot(tmp_path / "hub") == before


def test_a_blob_that_no_snapshot_has(held: Held, tmp_path: Path) -> None:
    """A client would take it by its name: an altered one is told and moved by itself, an unaltered one is not worth a word."""
    entry = write_cache(tmp_path / "hub", FILES)
    for link in (entry / "snapshots" / REV).iterdir():
        link.unlink()
    assert [one.found.kind.value for one in audit_folder(tmp_path / "hub", held).revisions] == ["hub"]
    blob = entry / "blobs" / etag_of(FILES["model.bin"])
    blob.write_bytes(b"W" * 100_000)
    _, told = audit_folder(tmp_path / "hub", held).revisions
    assert (told.found.title, told.state) == ("org/name, blobs that no snapshot has", State.ALTERED)
    done = moved(held, tmp_path)
    assert done is not None
    assert [one for one, _ in done.moves] == [blob]
    assert (entry / "blobs" / etag_of(FILES["config.json"])).exists()
