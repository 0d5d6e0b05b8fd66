"""Small files together: each fetched once and checked, what came is stored whatever became of the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.places import pin_of
from tests.support.simplace import SimPlace

from hanse.errors import BlobNotFound, DigestMismatch
from hanse.flows.pull import several as module
from hanse.flows.pull.fetch import Fetcher
from hanse.flows.pull.several import TOGETHER, Several, is_small, together
from hanse.flows.pull.small import IN_MEMORY
from hanse.model.filepin import FilePin
from hanse.store.held import Held

FILES = {f"{number:03}.txt": bytes([number]) * 100 for number in range(20)}
PINS = [pin_of(data, path, lfs=False) for path, data in FILES.items()]


class Shelf(SimPlace):
    """A place that has all files but those in `missing`."""

    missing: frozenset[str] = frozenset()

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of the file of a pin."""
        self.asked.append((start, end))
        if pin.path in self.missing:
            raise BlobNotFound("none")
        yield self.data or FILES[pin.path]


@pytest.fixture(name="held")
def _held(tmp_path: Path) -> Iterator[Held]:
    with Held.open(tmp_path) as held:
        yield held


def test_each_is_fetched_once_and_held(held: Held) -> None:
    """Every file is there with its bytes and where they came from, for one request each."""
    shelf = Shelf("shelf", b"")
    got = Several(Fetcher(held), [shelf], lambda: False).fetch(PINS)
    assert {pin.path: one.file.path.read_bytes() for pin, one in got.items()} == FILES
    assert {tuple(one.shares.items()) for one in got.values()} == {(("shelf", 100),)}
    assert len(shelf.asked) == len(PINS)
    assert held.find_all(PINS) == {pin: one.file for pin, one in got.items()}


def test_what_came_is_kept(held: Held) -> None:
    """A file that nobody has ends it, and those that came before are held."""
    shelf = Shelf("shelf", b"")
    shelf.missing = frozenset({PINS[-1].path})
    with pytest.raises(BlobNotFound, match=PINS[-1].path):
        Several(Fetcher(held), [shelf], lambda: False).fetch(PINS)
    assert set(held.find_all(PINS)) == set(PINS[:-1])


def test_nothing_false_is_held(held: Held) -> None:
    """Bytes of another file are a lie, whatever their number."""
    with pytest.raises(DigestMismatch):
        Several(Fetcher(held), [Shelf("liar", b"x" * 100)], lambda: False).fetch(PINS)
    assert not [one for one in held.folder.rglob("*") if one.suffix == ".small"]
    assert not held.find_all(PINS)


def test_who_is_stopped_asks_nobody(held: Held) -> None:
    """Once it is to end no request is made."""
    shelf = Shelf("shelf", b"")
    assert Several(Fetcher(held), [shelf], lambda: True).fetch(PINS) == {}
    assert shelf.asked == []


def test_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups are bounded in files and bytes, have every file once, and the same content side by side."""
    monkeypatch.setattr(module, "TOGETHER_BYTES", 1000)
    twins = [dataclasses.replace(pin, path=f"twin/{pin.path}") for pin in PINS]
    groups = list(together([*PINS, *twins]))
    assert sorted(pin.path for group in groups for pin in group) == sorted(pin.path for pin in [*PINS, *twins])
    assert all(sum(pin.size for pin in group[:-1]) <= 1000 for group in groups)
    order = [pin.sha256 for group in groups for pin in group]
    assert order[::2] == order[1::2]
    empty = [FilePin(f"{number}", 0, PINS[0].git_oid, lfs=False) for number in range(TOGETHER + 1)]
    assert [len(group) for group in together(empty)] == [TOGETHER, 1]
    assert [is_small(dataclasses.replace(PINS[0], size=size)) for size in (IN_MEMORY, IN_MEMORY + 1)] == [True, False]
