"""Reading files back."""

from __future__ import annotations

import os
import random

import pytest
from tests.support.rawxet import xorb_of
from tests.support.xetflows import send_xorb

from hanse.content.chunking import split
from hanse.content.compression import Scheme
from hanse.content.hashing import chunk_hash, xorb_hash
from hanse.content.terms import Term, encode_terms
from hanse.content.xorb import HEADER_BYTES, XorbTable, parse_xorb
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import BadRange, BlobNotFound, IntegrityError
from hanse.flows.ingest import store_small
from hanse.flows.node import Node
from hanse.flows.read import PIECE, CachedReads, FileReader, TermSource, open_file
from hanse.flows.transfers import TableCache
from hanse.model.actor import Actor
from hanse.model.digest import NO_SHA256, XetHash
from hanse.store.base import FileRuns, FileSlice
from hanse.store.keys import ObjectKey, xorb_key
from hanse.store.local import LocalStore

DATA = random.Random(3).randbytes(1_500_000) + b"compressible " * 100_000


class NoFiles(LocalStore):
    """A store whose objects are no local files, as in object storage."""

    def local_path(self, _key: ObjectKey) -> None:
        """Return None for every object."""


def _store_xorb(node: Node, repo: Repo, chunks: list[bytes], scheme: Scheme | None) -> XorbTable:
    data = xorb_of(chunks, scheme=scheme)
    name = xorb_hash([(chunk_hash(chunk), len(chunk)) for chunk in chunks])
    send_xorb(node, repo, name, data)
    return parse_xorb(data)[0]


def _row(terms: list[Term], size: int) -> FileRow:
    return FileRow(1, XetHash("f" * 64), NO_SHA256, size, encode_terms(terms), 1)


@pytest.fixture(name="reader", params=[Scheme.NONE, Scheme.LZ4, None], ids=["plain", "lz4", "mixed"])
def _reader(request: pytest.FixtureRequest, lite: Node, repo: Repo) -> FileReader:
    """Return a reader of DATA made of five terms over two xorbs, one of them used twice."""
    chunks = split(DATA)
    first, second = (
        _store_xorb(lite, repo, chunks, request.param),
        _store_xorb(lite, repo, chunks[5:9] + chunks[:2], request.param),
    )
    lengths = [len(chunk) for chunk in chunks]
    terms = [
        Term(second.xorb, 4, 6, sum(lengths[:2])),
        Term(first.xorb, 2, 5, sum(lengths[2:5])),
        Term(second.xorb, 0, 4, sum(lengths[5:9])),
        Term(first.xorb, 9, len(chunks), sum(lengths[9:])),
    ]
    return open_file(lite, _row(terms, len(DATA)))


def _bytes(reader: FileReader, start: int, length: int) -> bytes:
    pieces = list(reader.pieces(start, length))
    assert all(not isinstance(piece, FileSlice) and len(piece) <= 2 * PIECE for piece in pieces)
    return b"".join(piece for piece in pieces if not isinstance(piece, FileSlice))


def test_any_range_of_any_file(reader: FileReader) -> None:
    """Whatever the compression and wherever terms, chunks and pieces end, exactly the asked bytes come back."""
    assert reader.size == len(DATA)
    assert _bytes(reader, 0, len(DATA)) == DATA
    rng = random.Random(4)
    for _ in range(60):
        start = rng.randrange(len(DATA))
        length = min(rng.choice((0, 1, 7, 70_000, 3_000_000)), len(DATA) - start)
        assert _bytes(reader, start, length) == DATA[start : start + length]
        assert reader.read_at(start, length) == DATA[start : start + length]


def test_reads_past_the_end(reader: FileReader) -> None:
    """Ranges outside the file are refused; random reads are cut at its end."""
    with pytest.raises(BadRange):
        list(reader.pieces(len(DATA), 1))
    with pytest.raises(BadRange):
        list(reader.pieces(-1, 1))
    assert reader.read_at(len(DATA) - 3, 10) == DATA[-3:]
    assert reader.read_at(len(DATA) + 5, 10) == b""


def _sent(reader: FileReader, start: int, length: int) -> tuple[bytes, int]:
    """Return what a connection that sends from files would send, and how many bytes of it come straight from files."""
    found, straight = [], 0
    for piece in reader.sendable(start, length):
        assert not isinstance(piece, FileSlice)
        if isinstance(piece, FileRuns):  # at once: the descriptor is closed when the next piece is asked for
            assert all(count > 0 for _, count in piece.runs)
            found += [os.pread(piece.file, count, offset) for offset, count in piece.runs]
            straight += sum(count for _, count in piece.runs)
        else:
            found.append(bytes(piece))
    return b"".join(found), straight


def test_any_range_is_sent_alike(reader: FileReader, request: pytest.FixtureRequest) -> None:
    """Sent from files, the same bytes go out; most of them straight from there, unless they are stored compressed."""
    whole, straight = _sent(reader, 0, len(DATA))
    assert whole == DATA
    plain = "plain" in request.node.name
    assert (straight > len(DATA) // 2) if plain else ("mixed" in request.node.name or straight == 0)
    rng = random.Random(5)
    for _ in range(40):
        start = rng.randrange(len(DATA))
        length = min(rng.choice((0, 1, 70_000, 600_000, 3_000_000)), len(DATA) - start)
        assert _sent(reader, start, length)[0] == DATA[start : start + length]
    with pytest.raises(BadRange):
        list(reader.sendable(len(DATA), 1))


@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.LZ4])
def test_objects_that_are_no_files(lite: Node, repo: Repo, scheme: Scheme) -> None:
    """The same bytes come from a store without local files."""
    table = _store_xorb(lite, repo, split(DATA), scheme)
    store = NoFiles(lite.store.root)  # type: ignore[attr-defined]
    source = TermSource(store, TableCache(), [Term(table.xorb, 0, table.count, len(DATA))])
    assert b"".join(source.pieces(0, len(DATA))) == DATA
    assert b"".join(source.pieces(100_001, 99_999)) == DATA[100_001:200_000]
    sent = [piece for piece in source.sendable(0, len(DATA)) if not isinstance(piece, FileRuns)]
    assert b"".join(sent) == DATA


def _damage(node: Node, xorb: XetHash, offset: int, data: bytes | None) -> None:
    path = node.store.local_path(xorb_key(xorb))
    assert path is not None
    path.chmod(0o640)
    with path.open("r+b") as file:
        if data is None:
            file.truncate(offset)
        else:
            file.seek(offset)
            file.write(data)


@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.LZ4])
def test_damaged_framing_is_never_sent(lite: Node, repo: Repo, scheme: Scheme) -> None:
    """A truncated, shifted or missing xorb raises instead of giving bytes of another length."""
    chunks = [bytes([number]) * 70_000 for number in range(40)]
    table = _store_xorb(lite, repo, chunks, scheme)
    reader = open_file(lite, _row([Term(table.xorb, 0, 40, 2_800_000)], 2_800_000))
    _damage(lite, table.xorb, int(table.stored[20]), b"\0\7\7\7")
    assert _bytes(reader, 0, 70_000) == chunks[0]
    for read in (_bytes, _sent):
        with pytest.raises(IntegrityError):
            read(reader, 0, 2_800_000)
    _damage(lite, table.xorb, int(table.stored[39]) + HEADER_BYTES + 3, None)
    with pytest.raises(IntegrityError):
        _bytes(reader, 39 * 70_000, 70_000)
    with pytest.raises(IntegrityError):
        _sent(reader, 25 * 70_000, 15 * 70_000)
    lite.store.delete(xorb_key(table.xorb))
    with pytest.raises(IntegrityError):
        _bytes(reader, 0, 1)


def test_terms_that_do_not_fit_their_xorbs(lite: Node, repo: Repo) -> None:
    """A file row whose terms do not add up, or name chunks of other lengths or unknown xorbs, raises."""
    table = _store_xorb(lite, repo, [b"a" * 9000, b"b" * 9000], Scheme.NONE)
    with pytest.raises(IntegrityError):
        open_file(lite, _row([Term(table.xorb, 0, 2, 18_000)], 17_000))
    for term in (Term(table.xorb, 0, 2, 18_001), Term(table.xorb, 1, 7, 18_000), Term(XetHash("a" * 64), 0, 1, 9000)):
        with pytest.raises(IntegrityError):
            _bytes(open_file(lite, _row([term], term.length)), 0, term.length)


def test_whole_files_are_slices_of_their_object(lite: Node, owner: Actor, repo: Repo) -> None:
    """A small file is handed out as a place in a file, which the system can send itself."""
    reader = open_file(lite, store_small(lite, repo, owner, b"0123456789"))
    (piece,) = reader.pieces(2, 5)
    assert isinstance(piece, FileSlice)
    assert piece.path.read_bytes()[piece.offset :][: piece.length] == b"23456"
    assert reader.read_at(7, 100) == b"789"
    assert list(open_file(lite, store_small(lite, repo, owner, b"")).pieces(0, 0)) == []


def test_whole_files_that_changed_or_were_erased(lite: Node, owner: Actor, repo: Repo) -> None:
    """An object of another size raises, an erased file does not exist."""
    row = store_small(lite, repo, owner, b"0123456789")
    with pytest.raises(IntegrityError):
        open_file(lite, FileRow(row.id, row.xet, row.sha256, 11, None, 1))
    with pytest.raises(BlobNotFound):
        open_file(lite, FileRow(row.id, row.xet, row.sha256, 10, None, 1, erased=True))


def test_cached_random_reads(lite: Node, repo: Repo) -> None:
    """Random reads are exact, also across blocks and at the end, and keep few blocks."""
    table = _store_xorb(lite, repo, split(DATA), None)
    reads = CachedReads(TermSource(lite.store, lite.transfers.tables, [Term(table.xorb, 0, table.count, len(DATA))]))
    rng = random.Random(5)
    for _ in range(50):
        start = rng.randrange(len(DATA) + 10)
        assert reads.read_at(start, 100_000) == DATA[start : start + 100_000]
    assert reads.read_at(0, len(DATA)) == DATA
