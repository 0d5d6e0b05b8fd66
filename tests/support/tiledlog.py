"""A log in memory: its leaves and the tiles of every size that it had."""

from __future__ import annotations

from collections.abc import Sequence

from hanse.tlog.checkpoint import Checkpoint
from hanse.tlog.hashing import EMPTY_ROOT, leaf_hash
from hanse.tlog.tiles import TileName, grow


class TiledLog:
    """A log that is only appended to; `read` serves as tile reader for every size at which `append` stopped."""

    def __init__(self, origin: str = "log.example") -> None:
        self.origin = origin
        self.leaves: list[bytes] = []
        self.roots = {0: EMPTY_ROOT}
        self.files: dict[str, bytes] = {}
        self._edge: dict[str, bytes] = {}

    def append(self, leaves: Sequence[bytes]) -> TiledLog:
        """Append a batch and return the log."""
        growth = grow(len(self.leaves), self._edge, leaves)
        self.leaves += leaves
        self.files |= dict(growth.objects)
        self._edge = dict(growth.edge)
        self.roots[growth.new_size] = growth.root
        return self

    def read(self, name: TileName) -> bytes:
        """Return a tile; raises KeyError for one that the log never had."""
        return self.files[name.path]

    def hash(self, index: int) -> bytes:
        """Return the leaf hash at `index`."""
        return leaf_hash(self.leaves[index])

    def head(self, size: int | None = None) -> Checkpoint:
        """Return the checkpoint of a size at which `append` stopped, the last one by default."""
        at = len(self.leaves) if size is None else size
        return Checkpoint(self.origin, at, self.roots[at])
