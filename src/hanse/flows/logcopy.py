"""A mirror's copy of somebody else's log in the object store, in the form of C2SP tlog-tiles.

Everything put here was checked against a signed root first. Partial files of former sizes are deleted once the log has grown
past them; readers get the wider one, which begins with the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hanse.db.witnesses import origin_hash
from hanse.errors import BadProof, BlobNotFound
from hanse.store.base import BlobStore
from hanse.store.keys import ObjectKey, mirror_key
from hanse.tlog.hashing import HASH_BYTES
from hanse.tlog.proof import TileReader
from hanse.tlog.tiles import WIDTH, Growth, TileName, edge_names, grow, parse_bundle, parse_tile


class LogCopy:
    """The copy of the log of one origin. Safe for threads; `extend` is put-if-absent of the same bytes, so it may be repeated."""

    def __init__(self, store: BlobStore, origin: str) -> None:
        self._store = store
        self._hash = origin_hash(origin)

    def reader(self, size: int) -> TileReader:
        """Return what reads hash tiles of the copy, which holds `size` entries."""
        return lambda name: self.read(name, size)

    def read(self, name: TileName, size: int) -> bytes:
        """Return a tile or an entry bundle exactly as wide as named; raises BlobNotFound if a log of `size` has none."""
        there = min(WIDTH, (size >> (8 * (name.level or 0))) - name.index * WIDTH)
        if there < name.width:
            raise BlobNotFound(f"the log has no {name.path}")
        data = self._store.get(self._key(TileName(name.level, name.index, there)))
        if name.level is not None:
            return b"".join(parse_tile(data, there))[: name.width * HASH_BYTES]
        entries = parse_bundle(data, there)[: name.width]
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)

    def entries(self, start: int, size: int) -> Iterator[tuple[bytes, ...]]:
        """Yield the entries from index `start` on, bundle by bundle, of a copy that holds `size`."""
        for index in range(start // WIDTH, -(-size // WIDTH)):
            width = min(WIDTH, size - index * WIDTH)
            yield parse_bundle(self.read(TileName(None, index, width), size), width)[max(0, start - index * WIDTH) :]

    def entry(self, index: int, size: int) -> bytes:
        """Return the entry at `index` of a copy that holds `size`; raises BlobNotFound."""
        width = index % WIDTH + 1
        return parse_bundle(self.read(TileName(None, index // WIDTH, width), size), width)[-1]

    def grow(self, size: int, entries: Sequence[bytes]) -> Growth:
        """Return what appending entries to a copy of `size` entries makes; nothing is stored yet."""
        edge = {name.path: self._store.get(self._key(name)) for name in edge_names(size)}
        return grow(size, edge, entries)

    def put(self, growth: Growth) -> None:
        """Store the files of a growth that was checked; durable on return. Raises BadProof if others are there."""
        for path, data in growth.objects:
            key = mirror_key(self._hash, path)
            if not self._store.put(key, data) and self._store.get(key) != data:
                raise BadProof(f"{key} in the object store belongs to another log", hint="run hanse admin fsck")

    def sweep(self, old: int, new: int) -> None:
        """Delete the partial files of the size `old`, which a copy of size `new` no longer needs."""
        kept = {name.path for name in edge_names(new)}
        for name in edge_names(old):
            if name.path not in kept:
                self._store.delete(self._key(name))

    def _key(self, name: TileName) -> ObjectKey:
        return mirror_key(self._hash, name.path)
