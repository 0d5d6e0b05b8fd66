"""A log of somebody else in memory: real tiles, real signatures, every proof; and what asks a witness about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.signers import MemorySigner, signer

from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import Checkpoint, sign_checkpoint
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.note import ED25519, NoteKey
from hanse.tlog.proof import consistency_proof
from hanse.tlog.tiles import TileName, grow


@dataclass
class MemoryLog:
    """A log that keeps all tiles of every size it had. seed: names its key; roots: by size."""

    origin: str = "example.com/behind-the-sofa"
    seed: str = "a log"
    size: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    roots: dict[int, bytes] = field(default_factory=lambda: {0: EMPTY_ROOT})
    _edge: dict[str, bytes] = field(default_factory=dict)

    @property
    def signer(self) -> MemorySigner:
        """The log's key."""
        return signer(self.seed)

    @property
    def vkey(self) -> str:
        """The log's key as witnesses are told it."""
        return NoteKey(self.origin, self.signer.public, ED25519).text

    def append(self, entries: Sequence[bytes]) -> int:
        """Append entries and return the new size."""
        growth = grow(self.size, self._edge, entries)
        self.size, self._edge = growth.new_size, dict(growth.edge)
        self.files |= dict(growth.objects)
        self.roots[self.size] = growth.root
        return self.size

    def grow(self, count: int, text: str = "entry") -> int:
        """Append `count` different entries, one checkpoint each, and return the new size."""
        for _ in range(count):
            self.append([f"{text} {self.size}".encode()])
        return self.size

    def head(self, size: int | None = None) -> Checkpoint:
        """Return the checkpoint of a size, default the newest."""
        at = self.size if size is None else size
        return Checkpoint(self.origin, at, self.roots[at])

    def note(self, size: int | None = None) -> bytes:
        """Return the signed checkpoint of a size, default the newest."""
        return sign_checkpoint(self.head(size), self.signer)

    def tile(self, name: TileName) -> bytes:
        """Return a tile, or a wider one at its place."""
        return next(
            self.files[path]
            for width in range(name.width, 257)
            if (path := TileName(name.level, name.index, width).path) in self.files
        )

    def prove(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """Return the consistency proof between two sizes."""
        return consistency_proof(old, self.size if new is None else new, self.tile)

    def request(self, old: int, new: int | None = None) -> bytes:
        """Return an honest add-checkpoint request."""
        return UnverifiedRequest(old, self.prove(old, new), self.note(new)).encode()
