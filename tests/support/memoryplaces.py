"""A place of bytes that fails as it is told, for tests of who reads from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hanse.content.gitobjects import blob_id, lfs_pointer_id
from hanse.errors import HanseError
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin

PIECE = 64 * 1024


def pin_of(path: str, data: bytes, *, lfs: bool = True) -> FilePin:
    """Return the pin of a content."""
    sha256 = Sha256(hashlib.sha256(data).hexdigest())
    oid = lfs_pointer_id(sha256, len(data)) if lfs else blob_id(data)
    return FilePin(path, len(data), oid, lfs, sha256 if lfs else None)


@dataclass
class MemoryPlace:
    """Gives one content. faults: for each reading in turn, after how many bytes it fails and how; asked: ranges so far."""

    data: bytes
    faults: Sequence[tuple[int, HanseError]] = ()
    asked: list[tuple[int, int]] = field(default_factory=list)
    name: str = "memory"

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of the file."""
        assert pin.path
        self.asked.append((start, end))
        number = len(self.asked) - 1
        most, error = self.faults[number] if number < len(self.faults) else (end, None)
        for at in range(start, min(end, start + most), PIECE):
            yield self.data[at : min(at + PIECE, end, start + most)]
        if error is not None:
            raise error

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return that there is none."""
        assert pin.path
        return None
