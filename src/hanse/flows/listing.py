"""All files of a revision in memory: folders for reading, the Merkle map for `tree`, and where it is kept on disk.

A changed listing shares what did not change with the one it came from, so a commit costs what it changes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from hanse.content.directory import Directory
from hanse.flows.records import MAX_STEP, EntryRow, RevisionRecord, load_chain, row_of, trusted_entry
from hanse.model.digest import Sha256
from hanse.model.entry import Entry
from hanse.store.base import BlobStore
from hanse.tlog.map import MerkleMap, tree_key, tree_value

DEFAULT_CACHED_ENTRIES = 200_000
"""Files of all cached listings together; about 1 kB each where nothing is shared."""
_MIN_SNAPSHOT = 32
"""Deltas over fewer files than this are never worth a snapshot."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Changed files by path (None: gone) from one record's listing to another's."""

    changes: Mapping[str, EntryRow | None]

    def then(self, later: Delta) -> Delta:
        """Return both changes as one."""
        return Delta({**self.changes, **later.changes})


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a listing is kept: the records from its snapshot on.

    links: (step, digest, delta to the link before it), the snapshot's without changes; weight: changes since the snapshot;
    size: files of the snapshot.
    """

    links: tuple[tuple[int, Sha256, Delta], ...]
    weight: int
    size: int


class RevisionListing:
    """The files of one revision. Immutable and safe to share between threads.

    directory: for reading. `map` and `tree` are computed when first asked for; a listing read from a record knows its tree.
    """

    __slots__ = ("_map", "_tree", "directory", "kept")

    def __init__(
        self, directory: Directory, *, tree_map: MerkleMap | None = None, tree: Sha256 | None = None, kept: Kept | None = None
    ) -> None:
        self.directory = directory
        self.kept = kept
        self._map = tree_map
        self._tree = tree

    @classmethod
    def empty(cls) -> RevisionListing:
        """Return the listing without files."""
        return cls(Directory.empty(), tree_map=MerkleMap.empty())

    @property
    def map(self) -> MerkleMap:
        """The Merkle map over (path -> size, sha256, xet)."""
        if self._map is None:
            self._map = MerkleMap.empty().apply(_leaves(self.directory.entries()))
        return self._map

    @property
    def tree(self) -> Sha256:
        """Hex root of the map."""
        if self._tree is None:
            self._tree = Sha256(self.map.root.hex())
        return self._tree

    def apply(self, puts: Iterable[Entry], deletes: Iterable[str] = ()) -> RevisionListing:
        """Return the listing without the files in `deletes` and then with `puts`; not kept in any record yet.

        Raises EntryNotFound, BadPath or BadCommit as `Directory.apply`.
        """
        put, gone = list(puts), list(deletes)
        directory = self.directory.apply(put, gone)
        return RevisionListing(directory, tree_map=self.map.apply(_leaves(put), map(tree_key, gone)))


def _leaves(entries: Iterable[Entry]) -> list[tuple[bytes, bytes]]:
    return [(tree_key(entry.path), tree_value(entry.size, entry.sha256, entry.xet)) for entry in entries]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a changed listing is to be written: the fields of `RevisionRecord` that say so."""

    step: int
    weight: int
    size: int
    base: Sha256 | None
    delta: Delta

    def fields(self) -> dict[str, Any]:
        """Return the record's fields."""
        changes = self.delta.changes
        return {
            "step": self.step,
            "weight": self.weight,
            "size": self.size,
            "base": self.base,
            "puts": [row for row in changes.values() if row is not None],
            "deletes": [path for path, row in changes.items() if row is None],
        }


def lay_out(parent: RevisionListing | None, listing: RevisionListing, change: Delta) -> Layout:
    """Decide between delta and snapshot for `listing`, which is `parent` after `change`.

    A snapshot is written when the deltas since the last one outweigh it, so both writing and reading cost O(changes) on
    average.
    """
    kept = None if parent is None else parent.kept
    if kept is not None:
        step, weight = kept.links[-1][0] + 1, kept.weight + len(change.changes)
        if weight <= max(kept.size, _MIN_SNAPSHOT) and step <= MAX_STEP:
            target, delta = step & (step - 1), change
            for at, _, link in reversed(kept.links):
                if at == target:
                    break
                delta = link.then(delta)
            base = next(digest for at, digest, _ in kept.links if at == target)
            return Layout(step, weight, kept.size, base, delta)
    rows = {entry.path: row_of(entry) for entry in listing.directory.entries()}
    return Layout(0, 0, len(rows), None, Delta(dict(rows)))


def kept_as(parent: RevisionListing | None, listing: RevisionListing, layout: Layout, digest: Sha256) -> RevisionListing:
    """Return `listing` knowing that it is kept in the record `digest` with this layout."""
    if layout.base is None or parent is None or parent.kept is None:
        kept = Kept(((0, digest, Delta({})),), 0, layout.size)
    else:
        below = tuple(link for link in parent.kept.links if link[0] <= layout.step & (layout.step - 1))
        kept = Kept((*below, (layout.step, digest, layout.delta)), layout.weight, layout.size)
    return RevisionListing(listing.directory, tree_map=listing.map, tree=listing.tree, kept=kept)


def read_listing(store: BlobStore, digest: Sha256) -> RevisionListing:
    """Return the listing kept in the record `digest`; every record on the way is checked against its name.

    Raises BlobNotFound, IntegrityError or BadFormat if a record is missing, damaged or not what it must be.
    """
    chain = load_chain(store, digest)
    rows: dict[str, EntryRow] = {}
    links: list[tuple[int, Sha256, Delta]] = []
    for name, record in chain:
        delta = _delta_of(record)
        for path, row in delta.changes.items():
            if row is None:
                rows.pop(path, None)
            else:
                rows[path] = row
        links.append((record.step, name, delta if record.step else Delta({})))
    last = chain[-1][1]
    directory = Directory.empty().apply(trusted_entry(row) for row in rows.values())
    return RevisionListing(directory, tree=Sha256(last.tree), kept=Kept(tuple(links), last.weight, last.size))


def _delta_of(record: RevisionRecord) -> Delta:
    return Delta({**dict.fromkeys(record.deletes), **{row[0]: row for row in record.puts}})


class Listings:
    """The listings used last, by record, up to a number of files in all (the newest one is always kept)."""

    def __init__(self, max_entries: int = DEFAULT_CACHED_ENTRIES) -> None:
        self._max = max_entries
        self._lock = threading.Lock()
        self._cached: OrderedDict[Sha256, RevisionListing] = OrderedDict()
        self._loading: dict[Sha256, Future[RevisionListing]] = {}
        self._entries = 0

    def get(self, store: BlobStore, digest: Sha256) -> RevisionListing:
        """Return the listing kept in the record `digest` (`revisions.object`); threads that ask at once share one reading.

        Raises as `read_listing`.
        """
        with self._lock:
            cached = self._cached.get(digest)
            if cached is not None:
                self._cached.move_to_end(digest)
                return cached
            reading = self._loading.get(digest)
            mine = reading is None
            if reading is None:
                reading = self._loading[digest] = Future()
        if mine:
            self._read(store, digest, reading)
        return reading.result()

    def _read(self, store: BlobStore, digest: Sha256, reading: Future[RevisionListing]) -> None:
        try:
            listing = read_listing(store, digest)
            self.add(digest, listing)
            reading.set_result(listing)
        except BaseException as error:
            reading.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                del self._loading[digest]

    def add(self, digest: Sha256, listing: RevisionListing) -> None:
        """Keep a listing that was just written or read."""
        with self._lock:
            if digest in self._cached:
                return
            self._cached[digest] = listing
            self._entries += listing.directory.count
            while self._entries > self._max and len(self._cached) > 1:
                _, dropped = self._cached.popitem(last=False)
                self._entries -= dropped.directory.count
