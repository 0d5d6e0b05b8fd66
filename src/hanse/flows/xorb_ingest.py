"""Xorbs on their way in: verified as they arrive, stored once, without a footer (DESIGN.md section 5, Publish).

Every byte is hashed once, while it is in memory: chunk hashes make up the xorb's name, BLAKE3 the digest of its stored
form. Nobody gains the right to refer to a xorb by knowing its name: the bytes have to be sent, whoever stored them before.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import numpy as np

from hanse.content.shard import is_dedup_eligible
from hanse.content.xorb import MAX_XORB_BYTES, XorbReader, XorbTable
from hanse.db.repos import Repo
from hanse.db.xorbs import NewXorb, advertise, insert_chunks, insert_xorbs, link_xorbs
from hanse.errors import Busy
from hanse.flows.node import Node
from hanse.flows.transfers import require_stored, stored_table
from hanse.model.digest import XetHash
from hanse.store.keys import xorb_key, xorb_table_key
from hanse.store.staging import StagedFile

_PIECE = 1024 * 1024
DAY_SECONDS = 86400


class XorbIngest:
    """Takes in one xorb as its pieces arrive; use as a context manager, which removes what was not accepted.

    xorb: the name the sender gives it; length: bytes that he announces, 0 if unknown. Memory: about one piece and one chunk.
    Raises StorageFull if there is no space for them.
    """

    def __init__(self, node: Node, xorb: XetHash, length: int = 0) -> None:
        self._node = node
        self._xorb = xorb
        self._reader = XorbReader()
        self._known = node.store.size(xorb_key(xorb)) is not None
        self._staged: StagedFile | None = None if self._known else node.staging.create()
        if self._staged is not None and length:
            try:
                self._staged.reserve(min(length, MAX_XORB_BYTES))
            except BaseException:
                self._staged.close()
                raise

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes; pieces of about 1 MiB are best. Raises BadFormat, TooLarge, StorageFull or StorageError."""
        if self._staged is not None and self._reader.footer_start is None:
            self._staged.write(piece)
        self._reader.feed(piece)

    def finish(self, repo: Repo) -> bool:
        """Accept the xorb for the repository; tell whether its bytes were new here.

        The caller has checked that the actor may write to `repo`. Raises BadFormat for a truncated xorb, DigestMismatch if
        its chunks do not make up the xorb that was named, StorageFull or StorageError.
        """
        table = self._reader.finish(self._xorb)
        inserted = self._store(table)
        record_xorbs(self._node, repo, [self._node.transfers.tables.get(self._node.store, self._xorb).table])
        return inserted

    def _store(self, table: XorbTable) -> bool:
        if self._staged is None:
            if self._node.store.size(xorb_key(self._xorb)) is None:
                raise Busy(f"xorb {self._xorb} was removed while it was sent again", hint="send the same request again")
            complete_table(self._node, self._xorb)
            return False
        self._staged.cut(table.stored_size)  # a footer, and what was set aside in vain
        self._staged.finish()
        return adopt_xorb(self._node, table, self._staged)

    def close(self) -> None:
        """Remove what was staged and not accepted; idempotent."""
        if self._staged is not None:
            self._staged.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def adopt_xorb(node: Node, table: XorbTable, staged: StagedFile) -> bool:
    """Store a finished staged file as the xorb of `table`, and the table; tell whether it was new.

    The xorb goes first. If it was there already, perhaps in another compression and from a process that died before it
    wrote the table, the table is made from the bytes that are there: a stored table always describes the stored bytes.
    """
    inserted = node.store.adopt(xorb_key(table.xorb), staged.path)
    if inserted:
        node.store.put(xorb_table_key(table.xorb), table.encode())
        node.transfers.tables.add(stored_table(table))
    else:
        complete_table(node, table.xorb)
    return inserted


def complete_table(node: Node, xorb: XetHash) -> None:
    """Make the table of a stored xorb if a crash left it without one; raises IntegrityError if the xorb is damaged."""
    if node.store.size(xorb_table_key(xorb)) is None:
        node.store.put(xorb_table_key(xorb), read_stored_xorb(node, xorb).encode())


def read_stored_xorb(node: Node, xorb: XetHash) -> XorbTable:
    """Return the table of a stored xorb, computed from all its bytes; raises BadFormat or DigestMismatch if it is damaged."""
    reader = XorbReader()
    size = node.store.size(xorb_key(xorb)) or 0
    for at in range(0, size, _PIECE):
        reader.feed(node.store.get(xorb_key(xorb), at, _PIECE))
    return reader.finish(xorb)


def record_xorbs(node: Node, repo: Repo, tables: list[XorbTable]) -> None:
    """Enter stored xorbs into the catalogue, for the repository and for deduplication; raises Busy if one is gone again.

    They count as advertised today: the client will name them in a shard soon, and remembers them.
    """
    new = [NewXorb(table.xorb, table.stored_size, table.raw_size, table.count) for table in tables]
    now = node.clock.now()
    with node.db.write() as conn:
        rows = insert_xorbs(conn, new, now)
        require_stored(node.store, [key for table in tables for key in (xorb_key(table.xorb), xorb_table_key(table.xorb))])
        link_xorbs(conn, repo.id, [row.id for row in rows.values()])
        advertise(conn, [row.id for row in rows.values()], now // DAY_SECONDS)
        insert_chunks(conn, [(value, rows[table.xorb].id) for table in tables for value in eligible_chunks(table)])


def eligible_chunks(table: XorbTable) -> list[bytes]:
    """Return the chunks of a xorb by which global deduplication finds it, wherever they stand in a file."""
    last_words = np.frombuffer(table.hashes, dtype="<u8").reshape(-1, 4)[:, 3]
    maybe = [table.hash_at(int(index)) for index in np.flatnonzero(last_words % np.uint64(1024) == 0)]
    return [value for value in maybe if is_dedup_eligible(value)]
