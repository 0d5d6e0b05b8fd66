"""What the data path keeps in memory for one node: tables of xorbs, checks in progress, and who looks at new files.

Nothing here is needed after a restart. The module knows no node, so that `hanse.flows.node` can hold one of these.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from hanse.content.xorb import HEADER_BYTES, XorbTable, parse_table
from hanse.errors import Busy
from hanse.jobs.cores import cores
from hanse.model.digest import Sha256, XetHash
from hanse.store.base import BlobStore
from hanse.store.keys import ObjectKey, xorb_table_key

TABLE_CACHE_BYTES = 32 * 1024 * 1024
_TABLE_COST = 57  # bytes a chunk takes in a parsed table: hash, two offsets, scheme, expected header


class ContentHook(Protocol):
    """Looks at a new file's bytes while they are checked, before the file has a name.

    streams: it wants to be fed; one that only reads by itself costs no second pass over files that were hashed on arrival.
    """

    streams: bool

    def begin(self, read_at: Callable[[int, int], bytes], size: int) -> None:
        """Start a file of `size` bytes; `read_at(offset, length)` reads from anywhere in it until `end`."""
        ...

    def feed(self, data: memoryview) -> None:
        """Take the next bytes of the file, in order; `data` must not be kept."""
        ...

    def end(self, digest: Sha256) -> None:
        """End the file: all its bytes were fed and have the digests they claim; `digest` is their SHA-256."""
        ...

    def close(self) -> None:
        """Let go of what the hook holds; without an `end` before it, the file came to nothing. Called once for each `begin`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class StoredTable:
    """A xorb's table and the chunk headers that its stored form must have, 8 bytes each, concatenated."""

    table: XorbTable
    headers: bytes


class TableCache:
    """Tables of stored xorbs, the last used ones kept in memory up to a bound in bytes. Threads may share it."""

    def __init__(self, limit: int = TABLE_CACHE_BYTES) -> None:
        self._limit = limit
        self._used = 0
        self._tables: OrderedDict[XetHash, StoredTable] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, store: BlobStore, xorb: XetHash) -> StoredTable:
        """Return the table of a stored xorb; raises BlobNotFound if it is not stored, BadFormat if it is damaged."""
        with self._lock:
            found = self._tables.get(xorb)
            if found is not None:
                self._tables.move_to_end(xorb)
                return found
        made = stored_table(parse_table(store.get(xorb_table_key(xorb))))
        self.add(made)
        return made

    def add(self, entry: StoredTable) -> None:
        """Keep a table, at the cost of the least recently used ones."""
        with self._lock:
            if self._tables.setdefault(entry.table.xorb, entry) is entry:
                self._used += _TABLE_COST * entry.table.count
            while self._used > self._limit and len(self._tables) > 1:
                _, old = self._tables.popitem(last=False)
                self._used -= _TABLE_COST * old.table.count

    def forget(self, xorb: XetHash) -> None:
        """Drop the table of a xorb that was moved away."""
        with self._lock:
            old = self._tables.pop(xorb, None)
            self._used -= _TABLE_COST * old.table.count if old is not None else 0


class Tables(Mapping[XetHash, XorbTable]):
    """Tables of stored xorbs, looked up when they are asked for and kept no longer than the cache keeps them."""

    def __init__(self, store: BlobStore, cache: TableCache) -> None:
        self._store = store
        self._cache = cache

    def __getitem__(self, xorb: XetHash) -> XorbTable:
        return self._cache.get(self._store, xorb).table

    def __iter__(self) -> Iterator[XetHash]:
        raise TypeError("the tables of all xorbs are not listed")

    def __len__(self) -> int:
        raise TypeError("the tables of all xorbs are not counted")


@dataclass(eq=False)
class Check:
    """A shard check in progress; later calls for the same shard wait for the first one's end.

    verified, total: bytes; error: what it ended with, None if all is well.
    """

    verified: int = 0
    total: int = 0
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class Transfers:
    """State of the data path of one node in this process.

    tables: cached xorb tables; checks: running shard checks by (repository id, shard digest), guarded by `lock`; slots:
    how many heavy checks may run at once; hook: makes a ContentHook per new file, or None.
    """

    tables: TableCache = field(default_factory=TableCache)
    checks: dict[tuple[int, Sha256], Check] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(max(2, cores())))
    hook: Callable[[], ContentHook] | None = None


def stored_table(table: XorbTable) -> StoredTable:
    """Return the table together with the headers it implies (version 0, payload u24, scheme, raw length u24)."""
    columns = np.zeros((table.count, HEADER_BYTES), dtype=np.uint8)
    payloads = (np.diff(table.stored) - HEADER_BYTES).astype("<u4")
    lengths = np.diff(table.raw).astype("<u4")
    columns[:, 1:4] = payloads.view(np.uint8).reshape(-1, 4)[:, :3]
    columns[:, 4] = np.frombuffer(table.schemes, dtype=np.uint8)
    columns[:, 5:8] = lengths.view(np.uint8).reshape(-1, 4)[:, :3]
    return StoredTable(table, columns.tobytes())


def require_stored(store: BlobStore, wanted: Iterable[ObjectKey]) -> None:
    """Raise Busy unless all these objects are there.

    Called inside the transaction that makes others rely on them, once their rows are kept: what garbage collection removed
    just before is missed here, and what it did not remove by now it cannot remove any more.
    """
    for key in wanted:
        if store.size(key) is None:
            raise Busy(f"object {key} was removed while it was sent again", hint="send the same request again")
