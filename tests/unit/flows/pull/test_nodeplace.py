"""A node is asked by hash first and by name where that gives nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from tests.support.held import pin_of

from hanse.errors import BlobNotFound, NotFoundError, PeerRefused
from hanse.flows.pull.nodeplace import NodeOfRevision
from hanse.model.filepin import FilePin

DATA = b"content"
PIN = pin_of(DATA)


@dataclass
class Memory:
    """A place in memory. breaks: it has no more after so many bytes."""

    name: str
    data: bytes | None
    breaks: int | None = None

    def read(self, _: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes."""
        if self.data is None:
            raise BlobNotFound(self.name)
        yield self.data[start : end if self.breaks is None else self.breaks]
        if self.breaks is not None:
            raise BlobNotFound(self.name)

    def chunk_list(self, _: FilePin) -> bytes | None:
        """Return something."""
        return self.data


def test_by_hash_then_by_name() -> None:
    """What is not there by its hash, or has none that is known, is asked for by its name; what broke off is not spliced."""
    here, gone = Memory("files", DATA), Memory("files", None)
    hub = Memory("hub", b"by name")
    assert b"".join(NodeOfRevision(here, hub).read(PIN, 0, 7)) == DATA
    assert b"".join(NodeOfRevision(gone, hub).read(PIN, 0, 7)) == b"by name"
    assert b"".join(NodeOfRevision(here, hub).read(replace(PIN, xet=None), 0, 7)) == b"by name"
    with pytest.raises(NotFoundError):
        list(NodeOfRevision(Memory("files", DATA, breaks=3), hub).read(PIN, 0, 7))
    assert NodeOfRevision(here, hub).chunk_list(PIN) == DATA
    assert NodeOfRevision(gone, hub).chunk_list(PIN) == b"by name"
    assert NodeOfRevision(here, hub).chunk_list(replace(PIN, xet=None)) is None
    assert NodeOfRevision(here, hub).name == "files"


class Refusing(Memory):
    """A place that answers a status. asked: how often."""

    status = 401
    asked = 0

    def read(self, _: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Refuse."""
        self.asked += 1
        if self.data is None:
            raise PeerRefused(f"{self.name} {start} {end}", status=self.status)
        yield self.data


def test_what_knows_no_route_by_hash() -> None:
    """A proxy that answers 401 to what it does not know is asked by name, and by hash no more; one that is busy is left alone."""
    files = Refusing("files", None)
    place = NodeOfRevision(files, Memory("hub", DATA))
    assert [b"".join(place.read(PIN, 0, 7)) for _ in range(2)] == [DATA, DATA]
    assert files.asked == 1
    busy = Refusing("files", None)
    busy.status = 429
    with pytest.raises(PeerRefused):
        list(NodeOfRevision(busy, Memory("hub", DATA)).read(PIN, 0, 7))
