"""Writes the chunks of one file into xorbs as they come, at most one xorb open and staged at a time.

Chunks are stored uncompressed: serving them by plain GET then costs no more than the copy (docs/decisions). A xorb is stored
when it is full and entered into the catalogue without belonging to any repository, so nobody can refer to it before the
whole file was checked, and garbage collection finds it if that never happens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from blake3 import blake3

from hanse.content.compression import Scheme
from hanse.content.hashing import ChunkListBuilder, chunk_hash, tree_root
from hanse.content.terms import Term
from hanse.content.xorb import MAX_XORB_CHUNKS, ChunkHeader, XorbTable, make_table
from hanse.content.xorbwriter import FULL_XORB_BYTES
from hanse.db.xorbs import NewXorb, insert_xorbs
from hanse.flows.known_chunks import KnownChunks
from hanse.flows.node import Node
from hanse.flows.xorb_ingest import adopt_xorb
from hanse.model.digest import Blake3, XetHash, xet_from_bytes
from hanse.store.staging import StagedFile

_WRITE_BYTES = 1024 * 1024
_MOST_WRITTEN = 1 << 18  # chunks of this file that are remembered: about 60 MB


@dataclass(eq=False)
class _Target:
    """A xorb of the file: its name once it is known."""

    name: XetHash | None = None


@dataclass(eq=False)
class _Stretch:
    """Chunks [start, end) of a xorb, the next part of the file."""

    target: _Target
    start: int
    end: int
    length: int


@dataclass(eq=False)
class _Open:
    """The xorb being filled."""

    staged: StagedFile
    target: _Target
    digest: blake3 = field(default_factory=blake3)
    pending: list[bytes] = field(default_factory=list)
    held: int = 0
    hashes: bytearray = field(default_factory=bytearray)
    ends: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    raw: int = 0

    def add(self, raw: bytes, value: bytes) -> int:
        """Append a chunk; return its number."""
        header = ChunkHeader(Scheme.NONE, len(raw), len(raw)).encode()
        self.pending += (header, raw)
        self.held += len(header) + len(raw)
        self.hashes += value
        self.ends.append((self.ends[-1] if self.ends else 0) + len(header) + len(raw))
        self.lengths.append(len(raw))
        self.raw += len(raw)
        if self.held >= _WRITE_BYTES:
            self.flush()
        return len(self.ends) - 1

    def flush(self) -> None:
        """Write and hash what is pending."""
        data = b"".join(self.pending)
        self.pending, self.held = [], 0
        self.digest.update(data)
        self.staged.write(data)

    def table(self) -> XorbTable:
        """Return the table of the xorb as it is now."""
        name = xet_from_bytes(tree_root(bytes(self.hashes), self.lengths))
        digest = Blake3(self.digest.hexdigest())
        return make_table(name, digest, bytes(self.hashes), ends=self.ends, lengths=self.lengths, schemes=bytes(len(self.ends)))


class FileWriter:
    """Collects the chunks of a file: each becomes part of a term, over a known xorb or a new one. A context manager.

    known: where chunks are looked up that need not be stored again.
    """

    def __init__(self, node: Node, known: KnownChunks) -> None:
        self._node = node
        self._known = known
        self._open: _Open | None = None
        self._targets: dict[XetHash, _Target] = {}
        self._written: dict[bytes, tuple[_Target, int]] = {}
        self._stretches: list[_Stretch] = []
        self.chunks = ChunkListBuilder()
        self.new: list[XetHash] = []

    def add(self, raw: bytes) -> None:
        """Append the next chunk of the file; raises StorageFull or StorageError."""
        value = chunk_hash(raw)
        self.chunks.add(value, len(raw))
        target, index = self._find(value) or self._store(raw, value)
        last = self._stretches[-1] if self._stretches else None
        if last is not None and last.target is target and last.end == index:
            last.end += 1
            last.length += len(raw)
        else:
            self._stretches.append(_Stretch(target, index, index + 1, len(raw)))

    def _find(self, value: bytes) -> tuple[_Target, int] | None:
        here = self._written.get(value)
        if here is not None:
            return here
        found = self._known.find(value)
        if found is None:
            return None
        xorb, index = found
        return self._targets.setdefault(xorb, _Target(xorb)), index

    def _store(self, raw: bytes, value: bytes) -> tuple[_Target, int]:
        opened = self._open
        if opened is not None and (opened.raw + len(raw) > FULL_XORB_BYTES or len(opened.ends) == MAX_XORB_CHUNKS):
            self._seal(opened)
            opened = None
        if opened is None:
            opened = self._open = _Open(self._node.staging.create(), _Target())
        index = opened.add(raw, value)
        if len(self._written) >= _MOST_WRITTEN:
            self._written.clear()
        self._written[value] = opened.target, index
        return opened.target, index

    def _seal(self, opened: _Open) -> None:
        opened.flush()
        table = opened.table()
        with opened.staged:
            opened.staged.finish()
            adopt_xorb(self._node, table, opened.staged)
        with self._node.db.write() as conn:
            new = NewXorb(table.xorb, table.stored_size, table.raw_size, table.count)
            insert_xorbs(conn, [new], self._node.clock.now())
        opened.target.name = table.xorb
        self.new.append(table.xorb)
        self._open = None

    def finish(self) -> list[Term]:
        """Store what is open and return the terms of the whole file; raises StorageFull or StorageError."""
        if self._open is not None:
            self._seal(self._open)
        terms = []
        for one in self._stretches:
            assert one.target.name is not None
            terms.append(Term(one.target.name, one.start, one.end, one.length))
        return terms

    def close(self) -> None:
        """Remove what is staged; idempotent."""
        if self._open is not None:
            self._open.staged.close()
            self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
