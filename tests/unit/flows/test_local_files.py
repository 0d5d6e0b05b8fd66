"""Files of a model on this machine: what is compared, what is reported, and what links may do."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hanse.errors import EntryNotFound
from hanse.flows.local_files import Checked, Expected, Hashing, Place, compare, find_place, list_place
from hanse.flows.remembered import SETTLED_NS, Remembered
from hanse.model.digest import Sha256

REV, OTHER = "a" * 40, "b" * 40
CONTENTS = {"config.json": b"{}", "sub/weights.bin": b"w" * 3_000_000, "empty": b""}


def expected(contents: dict[str, bytes]) -> dict[str, Expected]:
    """Return what a manifest says of these files."""
    return {name: Expected(Sha256(hashlib.sha256(data).hexdigest()), len(data)) for name, data in contents.items()}


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    """Write files below a folder and return it."""
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def check(place: Place, contents: dict[str, bytes] | None = None, known: Remembered | None = None) -> Checked:
    """Compare a place with contents, CONTENTS by default."""
    hashing = Hashing(list_place(place), known or Remembered())
    return compare(hashing.listing, hashing.result(), expected(CONTENTS if contents is None else contents))


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return write(tmp_path / "model", CONTENTS)


def test_the_same_files_are_verified(folder: Path) -> None:
    """Every file is hashed once, and the bytes are counted as they are settled."""
    told: list[int] = []
    hashing = Hashing(list_place(find_place(folder)), Remembered(), advance=told.append)
    found = compare(hashing.listing, hashing.result(), expected(CONTENTS))
    size = sum(map(len, CONTENTS.values()))
    assert hashing.total == size
    assert found == Checked(3, size, size, (), ())
    assert sum(told) == size


def test_bookkeeping_of_clients_is_no_part_of_the_model(folder: Path) -> None:
    """What `hf download --local-dir` notes in .cache/huggingface is left out, the same elsewhere is not."""
    write(folder, {".cache/huggingface/download/config.json.metadata": b"x"})
    assert check(Place(folder)).failed == ()
    write(folder, {"sub/.cache/huggingface/x": b"x", ".cache/other": b"x", ".git/config": b"x"})
    failed = check(Place(folder)).failed
    assert [line.partition(":")[0] for line in failed] == [".cache/other", ".git/config", "sub/.cache/huggingface/x"]


def _alter(folder: Path) -> None:
    (folder / "sub/weights.bin").write_bytes(b"w" * 2_999_999 + b"x")


def _grow(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"{} ")


def _add(folder: Path) -> None:
    (folder / "sub/__init__.py").write_bytes(b"")


def _link(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(write(folder.parent, {"outside": b"{}"}) / "outside")


def _pipe(folder: Path) -> None:
    (folder / "empty").unlink()
    os.mkfifo(folder / "empty")


def _linked_folder(folder: Path) -> None:
    (folder / "sub").rename(folder.parent / "sub")
    (folder / "sub").symlink_to(folder.parent / "sub")


def _folder_instead(folder: Path) -> None:
    (folder / "empty").unlink()
    write(folder, {"empty/x": b""})


@pytest.mark.parametrize(
    ("attack", "says"),
    [
        (_alter, "sub/weights.bin: altered, its SHA-256 is "),
        (_grow, "config.json: altered, it has 3 bytes instead of 2"),
        (_add, "sub/__init__.py: added, "),
        (_link, "config.json: a link leads out of what is verified"),
        (_pipe, "empty: it is no regular file"),
        (_linked_folder, "sub: a link leads out of what is verified"),
        (_folder_instead, "empty/x: added, "),
    ],
)
def test_whatever_is_another_file_fails(attack: Callable[[Path], None], says: str, folder: Path) -> None:
    """An altered or added file, a link and a thing that is no file are each reported with their name."""
    attack(folder)
    found = check(Place(folder))
    assert len(found.failed) == 1
    assert found.failed[0].startswith(says)


def test_absent_files_are_told_apart(folder: Path) -> None:
    """What is expected and not there is absent, not altered: a part of a model can be verified."""
    (folder / "sub/weights.bin").unlink()
    found = check(Place(folder))
    assert (found.verified, found.absent, found.failed) == (2, ("sub/weights.bin",), ())


def test_an_unknown_size_is_no_reason_to_fail(folder: Path) -> None:
    """Manifests of other tools name digests alone."""
    wanted = {name: Expected(one.sha256) for name, one in expected(CONTENTS).items()}
    hashing = Hashing(list_place(Place(folder)), Remembered())
    assert compare(hashing.listing, hashing.result(), wanted).failed == ()


def test_the_evidence_itself_may_lie_in_the_folder(folder: Path) -> None:
    """The file that is verified with is left out, another one of that kind is not."""
    write(folder, {"rev.hanse.jsonl": b"", "other.hanse.jsonl": b""})
    listing = list_place(Place(folder), [folder / "rev.hanse.jsonl"])
    (line,) = compare(listing, Hashing(listing, Remembered()).result(), expected(CONTENTS)).failed
    assert line.startswith("other.hanse.jsonl: added")


def test_what_did_not_change_is_not_read_again(folder: Path, tmp_path: Path) -> None:
    """The second time only the changed file is read; remembered is what the bytes are, not that they are right."""

    def clock() -> int:
        return time.time_ns() + 2 * SETTLED_NS

    known = Remembered(tmp_path / "known.json", clock)
    assert check(Place(folder), known=known).read == sum(map(len, CONTENTS.values()))
    again = Remembered(tmp_path / "known.json", clock)
    found = check(Place(folder), known=again)
    assert (found.read, found.verified) == (0, 3)
    _alter(folder)
    found = check(Place(folder), known=again)
    assert (found.read, len(found.failed)) == (3_000_000, 1)
    found = check(Place(folder), CONTENTS | {"config.json": b"[]"}, again)
    assert (found.read, [line.partition(":")[0] for line in found.failed]) == (0, ["config.json", "sub/weights.bin"])


def test_hashing_can_be_stopped(folder: Path) -> None:
    """Whoever does not want the result any more gets his threads back; nothing half read counts."""
    (folder / "sub/weights.bin").write_bytes(b"w" * (64 << 20))
    hashing = Hashing(list_place(Place(folder)), Remembered(), threads=1)
    hashing.stop()
    found = hashing.result()
    assert all(one.sha256 is None for name, one in found.items() if name == "sub/weights.bin")


def test_what_was_not_read_is_not_verified(folder: Path) -> None:
    """A file that is there and was never read fails, as it may be anything."""
    listing = list_place(Place(folder))
    read = {name: one for name, one in Hashing(listing, Remembered()).result().items() if name != "config.json"}
    found = compare(listing, read, expected(CONTENTS))
    assert (found.verified, found.failed) == (2, ("config.json: it was not read",))


@pytest.fixture(name="entry")
def _entry(tmp_path: Path) -> Path:
    """Make an entry as the Hugging Face cache has it: links in snapshots, one blob shared between repositories."""
    cache = tmp_path / "hub"
    entry = cache / "models--org--name"
    write(entry, {"blobs/one": CONTENTS["config.json"], "refs/main": REV.encode(), "blobs/three": b""})
    write(cache, {"blobs/ab/two": CONTENTS["sub/weights.bin"]})
    (entry / "blobs/two").symlink_to("../../blobs/ab/two")
    (entry / "snapshots" / REV / "sub").mkdir(parents=True)
    (entry / "snapshots" / REV / "config.json").symlink_to("../../blobs/one")
    (entry / "snapshots" / REV / "empty").symlink_to("../../blobs/three")
    (entry / "snapshots" / REV / "sub" / "weights.bin").symlink_to("../../../blobs/two")
    return entry


def test_an_entry_of_the_cache_is_verified(entry: Path) -> None:
    """The entry, its snapshot and a link to either are the same files; the commit id is known from the name."""
    link = entry.parent / "link"
    link.symlink_to(entry)
    for path in (entry, entry / "snapshots" / REV, link):
        place = find_place(path)
        assert place.rev == REV
        found = check(place)
        assert (found.verified, found.failed, found.absent) == (3, (), ())


def test_links_in_the_cache_lead_to_blobs_only(entry: Path) -> None:
    """A link to a file that is no blob, to nothing or to a folder of blobs is reported."""
    snapshot = entry / "snapshots" / REV
    for name, target in (("config.json", "../../refs/main"), ("empty", "../../blobs/gone")):
        (snapshot / name).unlink()
        (snapshot / name).symlink_to(target)
    (snapshot / "more").symlink_to("../../blobs")
    (snapshot / "away").symlink_to("/etc/hostname")
    found = check(find_place(entry))
    assert [line.partition(":")[0] for line in found.failed] == ["away", "config.json", "empty", "more"]
    assert found.absent == ()


def test_which_snapshot_is_meant(entry: Path) -> None:
    """A commit id or a name picks it; without one main does, or the only one; what is not there is said with what is."""
    (entry / "snapshots" / OTHER).mkdir()
    assert find_place(entry, OTHER).rev == OTHER
    (entry / "refs/main").write_text("../../../x")
    with pytest.raises(EntryNotFound) as error:
        find_place(entry)
    assert REV in error.value.hint
    with pytest.raises(EntryNotFound):
        find_place(entry, "../refs")
    (entry / "snapshots" / OTHER).rmdir()
    assert find_place(entry).rev == REV


def test_a_path_must_be_a_folder(folder: Path) -> None:
    """A file or nothing is refused with what to do."""
    for path in (folder / "config.json", folder / "none"):
        with pytest.raises(EntryNotFound, match="there is no folder"):
            find_place(path)
