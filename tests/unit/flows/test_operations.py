"""What ordered operations come to on a listing."""

from __future__ import annotations

from hashlib import sha256

import pytest

from hanse.content.directory import Directory
from hanse.content.gitobjects import blob_id
from hanse.errors import BadPath, EntryNotFound
from hanse.flows.operations import Step, net_change
from hanse.model.digest import Sha256, XetHash
from hanse.model.entry import Entry


def _entry(path: str, data: bytes = b"") -> Entry:
    digest = sha256(data).hexdigest()
    return Entry(path, len(data), Sha256(digest), XetHash(digest), blob_id(data), lfs=False)


def _put(path: str, data: bytes = b"") -> Step:
    return Step(path, _entry(path, data))


BASE = Directory.empty().apply([_entry("a"), _entry("d/a"), _entry("d/b"), _entry("d2/a")])


@pytest.mark.parametrize(
    ("steps", "puts", "deletes"),
    [
        ([], [], []),
        ([_put("a")], [], []),
        ([_put("a", b"1")], ["a"], []),
        ([_put("n"), Step("n", None)], [], []),
        ([Step("a", None), _put("a")], [], []),
        ([Step("d", None, folder=True)], [], ["d/a", "d/b"]),
        ([Step("d", None, folder=True), _put("d/a", b"2")], ["d/a"], ["d/b"]),
        ([_put("d/c"), _put("d-x"), Step("d", None, folder=True)], ["d-x"], ["d/a", "d/b"]),
        ([Step("d/a", None), Step("d", None, folder=True)], [], ["d/a", "d/b"]),
        ([_put("e/f"), Step("e", None, folder=True)], [], []),
    ],
)
def test_net_change(steps: list[Step], puts: list[str], deletes: list[str]) -> None:
    """Only what differs in the end counts; folders are whole path segments; order decides."""
    changed = net_change(BASE, steps)
    assert (sorted(entry.path for entry in changed[0]), sorted(changed[1])) == (puts, deletes)


@pytest.mark.parametrize(
    "steps",
    [
        [Step("gone", None)],
        [Step("a", None), Step("a", None)],
        [Step("d", None, folder=True), Step("d/a", None)],
        [Step("d", None, folder=True), Step("d", None, folder=True)],
        [Step("a", None, folder=True)],
        [Step("d", None)],
    ],
)
def test_deleting_what_is_not_there(steps: list[Step]) -> None:
    """A file or folder that is not there at that point cannot be deleted, nor a folder as a file."""
    with pytest.raises(EntryNotFound):
        net_change(BASE, steps)


def test_paths_are_checked() -> None:
    """Every path of an operation must be an allowed one."""
    with pytest.raises(BadPath):
        net_change(BASE, [Step("../a", None)])


def test_many_folder_deletions_stay_cheap() -> None:
    """Alternating puts and folder deletions cost what they change, not what came before."""
    steps = [step for at in range(12_000) for step in (_put(f"x{at}/f"), Step(f"x{at - 1}", None, folder=at > 0))][2:]
    steps = [_put("x0/f"), *steps]
    puts, deletes = net_change(BASE, steps)
    assert ([entry.path for entry in puts], deletes) == (["x11999/f"], [])
