"""The committed log's files, in every width that a checkpoint was or could have been made for.

A batch is committed when the head moves; its files are put a moment later. Until then they are read from the staged batch, so
that whoever knows a size finds all files of that size. Narrower partial files than the stored one are its beginning.
"""

from __future__ import annotations

import msgspec

from hanse.db import leaves
from hanse.db.engine import Database
from hanse.db.leaves import LogHead
from hanse.errors import BlobNotFound
from hanse.model.digest import Sha256
from hanse.store.base import BlobStore
from hanse.store.keys import log_key, log_staged_key
from hanse.tlog.hashing import EMPTY_ROOT, HASH_BYTES, Frontier
from hanse.tlog.tiles import WIDTH, TileName, edge_frontier, edge_names

_ATTEMPTS = 8
"""How often a file is looked for while the head moves on and former partial files are deleted."""
_EMPTY = LogHead(0, Sha256(EMPTY_ROOT.hex()), Frontier().encode(), 0, None)


class Staged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch before its objects are in place: log sizes before and after, root, and (key, bytes) in order of putting."""

    start: int
    size: int
    root: bytes
    objects: tuple[tuple[str, bytes], ...]


class LogFiles:
    """Reads the files of the log as they are committed; safe for threads, and right in every process of a node."""

    def __init__(self, db: Database, store: BlobStore) -> None:
        self._db = db
        self._store = store

    def head(self) -> LogHead:
        """Return the committed head; of size 0 before the first leaf."""
        with self._db.read() as conn:
            return leaves.head(conn) or _EMPTY

    def read(self, name: TileName) -> bytes:
        """Return a tile or an entry bundle, exactly as wide as it is named.

        Raises BlobNotFound if the log is not that long.
        """
        data = self.read_wide(name)
        if name.level is not None:
            return data[: name.width * HASH_BYTES]
        return data[: _end(data, name.width)]

    def read_wide(self, name: TileName) -> bytes:
        """Return a tile or an entry bundle, as wide as named or wider; raises BlobNotFound if the log is not that long."""
        for _ in range(_ATTEMPTS):
            head = self.head()
            there = min(WIDTH, (head.size >> (8 * (name.level or 0))) - name.index * WIDTH)
            if there < name.width:
                break
            path = TileName(name.level, name.index, there).path
            found = self._look(head, path)
            if found is not None:
                return found
        raise BlobNotFound(f"the log has no {name.path}")

    def _look(self, head: LogHead, path: str) -> bytes | None:
        """Return a file of the log as the head says it is; None if it was deleted meanwhile."""
        try:
            return self._store.get(log_key(path))
        except BlobNotFound:
            if head.staged is None:
                return None
        try:
            staged = msgspec.msgpack.decode(self._store.get(log_staged_key(head.staged)), type=Staged)
        except BlobNotFound:
            return None
        return dict(staged.objects).get(log_key(path))

    def root(self, size: int) -> bytes:
        """Return the root that the log had when it had `size` leaves; raises BlobNotFound if it is not that long."""
        head = self.head()
        if size == head.size:
            return bytes.fromhex(head.root)
        edge = {name.path: self.read(name) for name in edge_names(size) if name.level is not None}
        return edge_frontier(size, edge).root


def _end(bundle: bytes, width: int) -> int:
    """Return where the first `width` entries of a bundle end."""
    at = 0
    for _ in range(width):
        at += 2 + int.from_bytes(bundle[at : at + 2], "big")
    return at
