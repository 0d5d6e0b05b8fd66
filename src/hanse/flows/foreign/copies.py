"""One mirrored log as evidence is made from it: leaves, proofs and the newest snapshot, read from the copy that is held here."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from hanse.db import foreign
from hanse.db.engine import Database
from hanse.db.witnesses import WitnessedLog
from hanse.errors import HanseError
from hanse.flows.logcopy import LogCopy
from hanse.model.evidence import LeafEvidence
from hanse.model.key_leaf import KeyLeaf
from hanse.model.leaf import Leaf, parse_leaf
from hanse.model.ref_leaf import RefLeaf
from hanse.model.trust_leaf import AttestLeaf, SnapshotLeaf
from hanse.store.base import BlobStore
from hanse.tlog.proof import inclusion_proof
from hanse.tlog.tiles import TileName

MAX_KEYS = 256
_MAX_POSITIONS = 200


class Copy:
    """A copy while one evidence file is made; what was read once is not read again."""

    def __init__(self, db: Database, store: BlobStore, log: WitnessedLog) -> None:
        self.log = log
        self._db = db
        self._copy = LogCopy(store, log.origin)
        self._tiles: dict[str, bytes] = {}
        self._entries: dict[int, bytes] = {}

    def entry(self, index: int) -> bytes:
        """Return the leaf at an index; raises BlobNotFound."""
        if index not in self._entries:
            self._entries[index] = self._copy.entry(index, self.log.mirrored)
        return self._entries[index]

    def leaf(self, index: int) -> Leaf | None:
        """Return the parsed leaf at an index, None for one that does not parse."""
        try:
            return parse_leaf(self.entry(index))
        except HanseError:
            return None

    def attest(self, index: int) -> AttestLeaf | None:
        """Return the leaf of a statement at an index, None if it is none."""
        found = self.leaf(index)
        return found if isinstance(found, AttestLeaf) else None

    @cached_property
    def keys(self) -> tuple[tuple[int, KeyLeaf], ...]:
        """The leaves about this log's keys, the first ones, with their indexes."""
        with self._db.read() as conn:
            found = foreign.key_leaves(conn, self.log.origin, self.log.mirrored, MAX_KEYS)
        parsed = [(index, self.leaf(index)) for index in found]
        return tuple((index, leaf) for index, leaf in parsed if isinstance(leaf, KeyLeaf) and leaf.origin == self.log.origin)

    def positions(self, subject: bytes, before: int) -> Iterable[tuple[int, RefLeaf]]:
        """Yield the leaves below `before` that set the ref with this key in the map of refs, the newest first."""
        with self._db.read() as conn:
            found = foreign.ref_leaves(conn, self.log.origin, subject.hex(), before, _MAX_POSITIONS)
        for index in found:
            leaf = self.leaf(index)
            if isinstance(leaf, RefLeaf):
                yield index, leaf

    def tail(self, size: int, most: int) -> range | None:
        """Return the indexes from the newest snapshot below `size` on; None if more than `most` leaves came after it."""
        for index in range(size - 1, max(-1, size - 2 - most), -1):
            if isinstance(self.leaf(index), SnapshotLeaf):
                return range(index, size)
        return None

    def shown(self, index: int, size: int) -> LeafEvidence:
        """Return a leaf with the proof that it is in the log of `size` leaves; raises BlobNotFound."""
        return LeafEvidence(index, self.entry(index), inclusion_proof(index, size, self._tile))

    def _tile(self, name: TileName) -> bytes:
        if name.path not in self._tiles:
            self._tiles[name.path] = self._copy.read(name, self.log.mirrored)
        return self._tiles[name.path]
