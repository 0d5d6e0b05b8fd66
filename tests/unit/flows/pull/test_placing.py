"""Files get their places, once on disk, and the store finds them there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.held import hold, pin_of

from hanse.errors import BlobNotFound, StorageFull
from hanse.flows.pull import placing as module
from hanse.flows.pull.placing import Placing
from hanse.model.filepin import FilePin
from hanse.store.held import Held, HeldFile

FILES = {f"{number}.txt": bytes([number // 2]) * 100 for number in range(8)}
PINS = [pin_of(data, path) for path, data in FILES.items()]


@pytest.fixture(name="held")
def _held(tmp_path: Path) -> Iterator[Held]:
    with Held.open(tmp_path / "held") as held:
        yield held


def _again(pin: FilePin) -> HeldFile:
    raise AssertionError(f"{pin.path} is fetched again")


def _places(folder: Path) -> list[tuple[FilePin, Path]]:
    return [(pin, folder / pin.path) for pin in PINS]


def _own(held: Held) -> list[Path]:
    return [one for one in (held.folder / "files").rglob("*") if one.is_file()]


@pytest.mark.parametrize("together", [1, 3, 256])
def test_moved_once_and_found_there(held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    """Each file is in its place, also two with the same content, none in the store, and the store knows every one."""
    monkeypatch.setattr(module, "_TOGETHER", together)
    files = {path: hold(held, data) for path, data in FILES.items()}
    inodes = {file.path.stat().st_ino for file in files.values()}
    placing = Placing(held, files, "label", _again)
    placing.put(_places(tmp_path))
    assert {path: (tmp_path / path).read_bytes() for path in FILES} == FILES
    assert inodes <= {(tmp_path / path).stat().st_ino for path in FILES}
    assert _own(held) == []
    assert set(held.adopted()) == {str(tmp_path / path) for path in FILES}
    assert held._copies.listed(own=True) == []
    Placing(held, {pin.path: held.find_all([pin])[pin] for pin in PINS}, "label", _again).put(_places(tmp_path))


@pytest.mark.parametrize("pinned", ["label", PINS[0].sha256 or ""])
def test_what_is_pinned_stays(held: Held, tmp_path: Path, pinned: str) -> None:
    """A file, or a revision, that the store was told to keep is copied."""
    held.pin(pinned)
    files = {path: hold(held, data) for path, data in FILES.items()}
    Placing(held, files, "label", _again).put(_places(tmp_path))
    assert {path: (tmp_path / path).read_bytes() for path in FILES} == FILES
    assert files[PINS[0].path].path in _own(held)


def test_what_changed_is_had_again(held: Held, tmp_path: Path) -> None:
    """A file that is gone is asked for once more; one that changes each time is an error, and nothing false is placed."""
    (tmp_path / "loose").write_bytes(FILES["0.txt"])
    loose = held.adopt(tmp_path / "loose", hold(held, FILES["0.txt"]).sha256, None, None, 100)
    (tmp_path / "loose").write_bytes(b"y" * 100)
    Placing(held, {"0.txt": loose}, "label", lambda _: hold(held, FILES["0.txt"])).put(_places(tmp_path)[:1])
    assert (tmp_path / "0.txt").read_bytes() == FILES["0.txt"]
    with pytest.raises(BlobNotFound, match="changes while"):
        Placing(held, {"2.txt": loose}, "label", lambda _: loose).put(_places(tmp_path)[2:3])
    assert not (tmp_path / "2.txt").exists()


def test_what_was_placed_before_an_error_is_known(held: Held, tmp_path: Path) -> None:
    """Whoever goes on after a full disk finds every file either in its place or in the store."""
    files = {path: hold(held, data) for path, data in FILES.items()}

    def places() -> Iterator[tuple[FilePin, Path]]:
        yield from _places(tmp_path)[:4]
        raise StorageFull("no room")

    with pytest.raises(StorageFull):
        Placing(held, files, "label", _again).put(places())
    found = held.find_all(PINS)
    assert [found[pin].adopted for pin in PINS] == [True] * 4 + [False] * 4
