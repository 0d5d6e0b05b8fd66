"""A place shows that it has a file, or it does not count as having it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hanse.errors import PeerDown
from hanse.flows.pull.proof import PROOF, is_shown
from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin

DATA = bytes(range(256)) * 1024


class _Place:
    """Has `data`, or nothing at all."""

    name = "place"

    def __init__(self, data: bytes | None) -> None:
        self.data = data
        self.asked: list[int] = []

    def read(self, _pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes."""
        if self.data is None:
            raise PeerDown("gone")
        self.asked.append(end - start)
        yield self.data[start:end]

    def chunk_list(self, _pin: FilePin) -> bytes | None:
        """Return nothing."""
        return None


def _pin(size: int) -> FilePin:
    return FilePin("a", size, GitOid("0" * 40), True, Sha256("a" * 64))


@pytest.mark.parametrize("size", [0, 1, PROOF, len(DATA)])
def test_who_has_it_shows_it(size: int) -> None:
    """A small piece is enough, also of a small or an empty file; a place that is gone does not hide one that is not."""
    data, place = DATA[:size], _Place(DATA[:size])
    assert is_shown(_pin(size), lambda start, end: data[start:end], [_Place(None), place])
    assert place.asked == [min(size, PROOF)]


def test_who_has_it_not() -> None:
    """Other bytes, fewer bytes, and no place at all show nothing."""
    for places in ([], [_Place(None)], [_Place(bytes(len(DATA)))], [_Place(b"")]):
        assert not is_shown(_pin(len(DATA)), lambda start, end: DATA[start:end] or b"x", places)
