"""Files out of the store, whole or by range, without ever being assembled anywhere.

A file lies either whole in one object, and is then handed out as a slice that the system can send itself, or as terms over
xorbs. Chunks stored uncompressed are runs of the xorb's file, which the system can send, too; where it cannot, they are read
with one preadv(2) per piece that scatters the chunk headers away from the data, so that no byte passes through Python code.
Others are decompressed. Contents are not re-hashed here (`hanse admin fsck` does that), but a stored xorb whose framing is not
that of its table raises IntegrityError before a byte of that piece is given out.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from hanse.content.terms import Term, parse_terms
from hanse.content.xorb import HEADER_BYTES, decode_range
from hanse.db.blobs import FileRow
from hanse.errors import BadRange, BlobNotFound, IntegrityError, StorageError
from hanse.flows.node import Node
from hanse.flows.transfers import StoredTable, TableCache
from hanse.model.digest import Sha256, XetHash
from hanse.store.base import BlobStore, FileRuns, FileSlice
from hanse.store.keys import ObjectKey, blob_key, xorb_key

PIECE = 1024 * 1024
SENT = 4 * PIECE
"""Bytes that are given out at a time where the system sends them itself."""
_SMALL = PIECE // 2
_MAX_CHUNKS = 500  # two buffers per chunk; preadv takes at most 1,024
_BLOCKS = 8

Piece = bytes | memoryview
Pieces = Iterator[Piece | FileSlice]


class OpenXorb:
    """One stored xorb opened for reading; a context manager. Local files are read by descriptor, others through the store."""

    def __init__(self, store: BlobStore, entry: StoredTable) -> None:
        self._store = store
        self._entry = entry
        self.xorb = entry.table.xorb
        self._file: int | None = None
        try:
            path = store.local_path(xorb_key(self.xorb))
            if path is not None:
                self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (BlobNotFound, FileNotFoundError) as error:
            raise _lost(self.xorb) from error
        except OSError as error:
            raise StorageError(f"cannot read xorb {self.xorb}: {error.strerror}") from error

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """Yield bytes [start, end) of the unpacked xorb in pieces of about 1 MiB; raises IntegrityError."""
        table = self._entry.table
        if not 0 <= start <= end <= table.raw_size:
            raise IntegrityError(f"bytes {start} to {end} lie outside xorb {self.xorb}, which has {table.raw_size}")
        while start < end:
            first = table.locate(start)
            last = min(table.locate(min(start + PIECE, end) - 1) + 1, first + _MAX_CHUNKS)
            stop = min(end, int(table.raw[last]))
            plain = self._file is not None and table.plain(first, last)
            yield self._scatter(first, last, start, stop) if plain else self._decode(first, last, start, stop)
            start = stop

    def sendable(self, start: int, end: int) -> Iterator[Piece | FileRuns]:
        """Yield bytes [start, end) as runs of the file where they are stored uncompressed, else as `pieces` does."""
        table = self._entry.table
        if self._file is None or end - start < _SMALL:
            yield from self.pieces(start, end)
            return
        while start < end:
            first = table.locate(start)
            last = min(table.locate(min(start + SENT, end) - 1) + 1, first + _MAX_CHUNKS)
            stop = min(end, int(table.raw[last]))
            if table.plain(first, last):
                yield self._runs(self._file, first, last, start, stop)
            else:
                yield from self.pieces(start, stop)
            start = stop

    def _runs(self, file: int, first: int, last: int, start: int, stop: int) -> FileRuns:
        """Return where raw bytes [start, stop) of uncompressed chunks [first, last) lie; their headers are checked."""
        table = self._entry.table
        bounds: list[int] = table.raw[first : last + 1].tolist()
        offsets: list[int] = table.stored[first : last + 1].tolist()
        try:
            os.posix_fadvise(file, offsets[0], offsets[-1] - offsets[0], os.POSIX_FADV_WILLNEED)
            headers = b"".join([os.pread(file, HEADER_BYTES, at) for at in offsets[:-1]])
            size = os.fstat(file).st_size
        except OSError as error:
            raise StorageError(f"cannot read xorb {self.xorb}: {error.strerror}") from error
        if size < offsets[-1] or headers != self._entry.headers[HEADER_BYTES * first : HEADER_BYTES * last]:
            raise self._damaged(first, last)
        spans = [(max(at, start), min(end, stop)) for at, end in pairwise(bounds)]
        origins = [stored + HEADER_BYTES - raw for stored, raw in zip(offsets, bounds, strict=True)]
        return FileRuns(file, tuple((origin + at, end - at) for origin, (at, end) in zip(origins[:-1], spans, strict=True)))

    def _damaged(self, first: int, last: int) -> IntegrityError:
        message = f"xorb {self.xorb} is damaged: chunks {first} to {last} are not where its table says"
        return IntegrityError(message, hint="run `hanse admin fsck`")

    def _scatter(self, first: int, last: int, start: int, stop: int) -> memoryview:
        """Return raw bytes [start, stop) of uncompressed chunks [first, last), read in one system call."""
        table = self._entry.table
        bounds: list[int] = table.raw[first : last + 1].tolist()
        skip = start - bounds[0]
        out = np.empty(stop - start, dtype=np.uint8).data
        headers = bytearray(HEADER_BYTES * (last - first))
        heads = memoryview(headers)
        buffers = []
        for at in range(last - first):
            if at or not skip:
                buffers.append(heads[HEADER_BYTES * at : HEADER_BYTES * (at + 1)])
            buffers.append(out[max(bounds[at], start) - start : min(bounds[at + 1], stop) - start])
        inside = 1 if skip else 0
        offset = int(table.stored[first]) + inside * (HEADER_BYTES + skip)
        wanted = stop - start + HEADER_BYTES * (last - first - inside)
        try:
            got = os.preadv(self._file or 0, buffers, offset)
        except OSError as error:
            raise StorageError(f"cannot read xorb {self.xorb}: {error.strerror}") from error
        expected = self._entry.headers[HEADER_BYTES * (first + inside) : HEADER_BYTES * last]
        if got != wanted or headers[HEADER_BYTES * inside :] != expected:
            raise self._damaged(first, last)
        return out

    def _decode(self, first: int, last: int, start: int, stop: int) -> memoryview:
        """Return raw bytes [start, stop) of chunks [first, last), decompressed."""
        table = self._entry.table
        offset, end = table.stored_range(first, last)
        try:
            if self._file is not None:
                stored = os.pread(self._file, end - offset, offset)
            else:
                stored = self._store.get(xorb_key(self.xorb), offset, end - offset)
        except (BlobNotFound, BadRange) as error:
            raise _lost(self.xorb) from error
        except OSError as error:
            raise StorageError(f"cannot read xorb {self.xorb}: {error.strerror}") from error
        raw = memoryview(decode_range(table, first, last, stored, verify=False))
        origin = int(table.raw[first])
        return raw[start - origin : stop - origin]

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _lost(xorb: XetHash) -> IntegrityError:
    return IntegrityError(f"xorb {xorb}, which a file needs, is not stored as it should be", hint="run `hanse admin fsck`")


class TermSource:
    """The bytes that terms make up. The terms were checked against their xorbs before."""

    def __init__(self, store: BlobStore, tables: TableCache, terms: Sequence[Term]) -> None:
        self._store = store
        self._tables = tables
        self._terms = terms
        self._ends: list[int] = np.cumsum([term.length for term in terms], dtype=np.int64).tolist()
        self.size = self._ends[-1] if self._ends else 0

    def pieces(self, start: int, length: int) -> Iterator[Piece]:
        """Yield exactly `length` bytes from `start`; raises IntegrityError if they are not stored as recorded."""
        for piece in _joined(self._raw_pieces(start, start + length, OpenXorb.pieces)):
            assert not isinstance(piece, FileRuns)
            yield piece

    def sendable(self, start: int, length: int) -> Iterator[Piece | FileRuns]:
        """Yield the same bytes, as runs of stored files where that saves reading them; raises alike."""
        return _joined(self._raw_pieces(start, start + length, OpenXorb.sendable))

    def _raw_pieces(self, start: int, end: int, read: _Read) -> Iterator[Piece | FileRuns]:
        at = bisect_right(self._ends, start)
        opened: OpenXorb | None = None
        try:
            while start < end:
                term = self._terms[at]
                if opened is None or opened.xorb != term.xorb:
                    if opened is not None:
                        opened.close()
                    entry = self._table(term.xorb)
                    opened = OpenXorb(self._store, entry)
                stop = min(end, self._ends[at])
                first, last = entry.table.raw_range(term.start, min(term.end, entry.table.count))
                origin = first - (self._ends[at] - term.length)
                if last - first != term.length:
                    raise IntegrityError(f"a file's term does not fit xorb {term.xorb}", hint="run `hanse admin fsck`")
                yield from read(opened, origin + start, origin + stop)
                start = stop
                at += 1
        finally:
            if opened is not None:
                opened.close()

    def _table(self, xorb: XetHash) -> StoredTable:
        try:
            return self._tables.get(self._store, xorb)
        except BlobNotFound as error:
            raise _lost(xorb) from error


_Read = Callable[[OpenXorb, int, int], Iterator[Piece | FileRuns]]


def _joined(pieces: Iterator[Piece | FileRuns]) -> Iterator[Piece | FileRuns]:
    """Put small pieces in a row together; a run of a file is given on before the next piece is asked for."""
    small: list[Piece] = []
    held = 0
    for piece in pieces:
        if isinstance(piece, FileRuns) or (not small and len(piece) >= _SMALL):
            if small:
                yield b"".join(small)
                small, held = [], 0
            yield piece
            continue
        small.append(piece)
        held += len(piece)
        if held >= _SMALL:
            yield b"".join(small)
            small, held = [], 0
    if small:
        yield small[0] if len(small) == 1 else b"".join(small)


class BlobSource:
    """The bytes of a file that is stored whole."""

    def __init__(self, store: BlobStore, key: ObjectKey, size: int) -> None:
        self._store = store
        self._key = key
        self.size = size
        if store.size(key) != size:
            raise IntegrityError(
                f"object {key} should have {size} bytes and has {store.size(key)}", hint="run `hanse admin fsck`"
            )
        self._path: Path | None = store.local_path(key)

    @property
    def whole(self) -> Path | None:
        """The local file that holds exactly these bytes, for a front server that sends it itself."""
        return self._path

    def pieces(self, start: int, length: int) -> Pieces:
        """Yield exactly `length` bytes from `start`, as one slice of the local file where there is one."""
        if self._path is not None:
            if length:
                yield FileSlice(self._path, start, length)
            return
        for at in range(start, start + length, PIECE):
            yield self._store.get(self._key, at, min(PIECE, start + length - at))


class FileReader:
    """A stored file: a ByteSource with names. size: bytes; sha256, xet: of the content."""

    def __init__(self, source: TermSource | BlobSource, sha256: Sha256, xet: XetHash) -> None:
        self._source = source
        self.size = source.size
        self.sha256 = sha256
        self.xet = xet

    @property
    def whole(self) -> Path | None:
        """The local file that holds exactly these bytes, if there is one."""
        return self._source.whole if isinstance(self._source, BlobSource) else None

    def pieces(self, start: int, length: int) -> Pieces:
        """Yield exactly `length` bytes from `start`: pieces of about 1 MiB, or slices of local files.

        Raises BadRange if that is not all inside the file, IntegrityError if it is not stored as recorded.
        """
        self._check(start, length)
        yield from self._source.pieces(start, length)

    def sendable(self, start: int, length: int) -> Iterator[Piece | FileSlice | FileRuns]:
        """Yield the same bytes for a connection on which the system can send from files; raises alike."""
        self._check(start, length)
        source = self._source
        yield from source.sendable(start, length) if isinstance(source, TermSource) else source.pieces(start, length)

    def _check(self, start: int, length: int) -> None:
        if start < 0 or length < 0 or start + length > self.size:
            raise BadRange(f"bytes {start} to {start + length} lie outside the file, which has {self.size}")

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`, fewer only at the end of the file; raises IntegrityError."""
        start = min(max(offset, 0), self.size)
        found = self.pieces(start, max(0, min(length, self.size - start)))
        return b"".join(_slice_bytes(piece) if isinstance(piece, FileSlice) else piece for piece in found)


def _slice_bytes(piece: FileSlice) -> bytes:
    with piece.path.open("rb") as file:
        data = os.pread(file.fileno(), piece.length, piece.offset)
    if len(data) != piece.length:
        raise IntegrityError(f"expected {piece.length} bytes of a stored file, got {len(data)}", hint="run `hanse admin fsck`")
    return data


def open_file(node: Node, file: FileRow) -> FileReader:
    """Return a reader of a stored file; raises BlobNotFound if it was erased, IntegrityError if it is not stored as recorded.

    The caller has checked that the actor may read it.
    """
    if file.erased:
        raise BlobNotFound(f"the bytes of file {file.sha256} were erased")
    if file.terms is None:
        return FileReader(BlobSource(node.store, blob_key(file.sha256), file.size), file.sha256, file.xet)
    source = TermSource(node.store, node.transfers.tables, parse_terms(file.terms))
    if source.size != file.size:
        raise IntegrityError(f"file {file.xet} should have {file.size} bytes, its terms have {source.size}")
    return FileReader(source, file.sha256, file.xet)


class CachedReads:
    """Random reads of one source, with the last few 1 MiB blocks kept decoded: at most 8 MiB of memory."""

    def __init__(self, source: TermSource) -> None:
        self._source = source
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`, fewer only at the end; raises IntegrityError."""
        end = min(offset + length, self._source.size)
        parts = []
        while 0 <= offset < end:
            block = self._block(offset // PIECE)
            part = block[offset % PIECE : offset % PIECE + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        found = self._blocks.get(number)
        if found is None:
            start = number * PIECE
            found = b"".join(self._source.pieces(start, min(PIECE, self._source.size - start)))
            self._blocks[number] = found
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return found
