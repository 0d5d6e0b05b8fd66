"""Xorbs on their way in."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import lz4.frame
import pytest
from tests.support.nodes import TickingClock, new_repo
from tests.support.rawxet import RawFile, raw_file, xorb_of
from tests.support.xetflows import send_xorb, staged

from hanse.content.compression import Scheme
from hanse.content.hashing import chunk_hash, xorb_hash
from hanse.content.shard import is_dedup_eligible
from hanse.content.xorb import MAX_XORB_CHUNKS, ChunkHeader, parse_table
from hanse.db import xorbs
from hanse.db.repos import Repo
from hanse.errors import BadFormat, Busy, DigestMismatch, StorageFull, TooLarge
from hanse.flows.node import Node
from hanse.flows.xorb_ingest import XorbIngest, eligible_chunks
from hanse.model.actor import Actor
from hanse.store.keys import xorb_key, xorb_table_key


@pytest.fixture(name="file", scope="module")
def _file() -> RawFile:
    return raw_file(random.Random(1).randbytes(500_000))


def test_a_xorb_is_stored_with_its_table_and_belongs_to_the_repository(node: Node, alice: Actor, file: RawFile) -> None:
    """The bytes lie under the xorb's name, the table beside them, and writers of the repository may refer to it."""
    repo = new_repo(node, alice, "alice/a")
    assert send_xorb(node, repo, file.xorb, file.xorb_bytes)
    assert node.store.get(xorb_key(file.xorb)) == file.xorb_bytes
    assert parse_table(node.store.get(xorb_table_key(file.xorb))).encode() == file.table.encode()
    with node.db.read() as conn:
        row = xorbs.find_xorbs(conn, repo.id, [file.xorb])[file.xorb]
    assert (row.stored_size, row.raw_size, row.chunks) == (len(file.xorb_bytes), len(file.data), file.table.count)
    assert staged(node) == []


def test_a_footer_and_space_set_aside_are_not_stored(lite: Node, repo: Repo, file: RawFile) -> None:
    """What follows the last chunk is dropped, in whatever pieces it comes."""
    footer = b"XETBLOB" + bytes(500)
    with XorbIngest(lite, file.xorb, length=len(file.xorb_bytes) + len(footer)) as ingest:
        for byte in range(0, len(file.xorb_bytes + footer), 997):
            ingest.feed((file.xorb_bytes + footer)[byte : byte + 997])
        ingest.finish(repo)
    assert lite.store.get(xorb_key(file.xorb)) == file.xorb_bytes


def test_the_same_xorb_is_verified_again_and_stored_once(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """Who sends the bytes of a xorb that is here gains the right to refer to it; who sends others gains nothing."""
    other = new_repo(lite, owner, "owner/other")
    assert send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    with pytest.raises(DigestMismatch):
        send_xorb(lite, other, file.xorb, raw_file(b"something else").xorb_bytes)
    with lite.db.read() as conn:
        assert xorbs.find_xorbs(conn, other.id, [file.xorb]) == {}
    assert not send_xorb(lite, other, file.xorb, xorb_of(_chunks(file), scheme=Scheme.LZ4))
    with lite.db.read() as conn:
        assert file.xorb in xorbs.find_xorbs(conn, other.id, [file.xorb])
    assert lite.store.get(xorb_key(file.xorb)) == file.xorb_bytes, "the first serialisation stays"


def _chunks(file: RawFile) -> list[bytes]:
    ends = file.table.raw.tolist()
    return [file.data[start:end] for start, end in itertools.pairwise(ends)]


def test_a_table_always_describes_the_stored_bytes(lite: Node, repo: Repo, file: RawFile) -> None:
    """After a crash between xorb and table, another compression of the same xorb gets the table of what is stored."""
    lite.store.put(xorb_key(file.xorb), file.xorb_bytes)
    send_xorb(lite, repo, file.xorb, xorb_of(_chunks(file), scheme=Scheme.BG4_LZ4))
    assert lite.store.get(xorb_table_key(file.xorb)) == file.table.encode()


def _bomb() -> Iterator[tuple[str, bytes]]:
    bomb = lz4.frame.compress(bytes(50_000_000))[:131_000]
    whole = lz4.frame.compress(bytes(20_000_000))
    raw = b"x" * 1000
    yield "raw length above the bound", b"\0" + (9).to_bytes(3, "little") + b"\1" + b"\xff\xff\xff" + bytes(9)
    yield "output above the declared length", ChunkHeader(Scheme.LZ4, len(bomb), 1000).encode() + bomb
    yield "a whole frame of zeros", ChunkHeader(Scheme.LZ4, min(len(whole), 131_072), 131_072).encode() + whole[:131_072]
    yield "truncated", xorb_of([raw], scheme=Scheme.NONE)[:-1]
    yield "empty", b""
    yield "only a footer", b"XETBLOB" + bytes(100)
    yield "unknown scheme", b"\0\1\0\0\x07\1\0\0x"
    yield "too many chunks", (ChunkHeader(Scheme.NONE, 1, 1).encode() + b"x") * (MAX_XORB_CHUNKS + 1)


@pytest.mark.parametrize("data", [data for _, data in _bomb()], ids=[name for name, _ in _bomb()])
def test_hostile_xorbs_leave_nothing(lite: Node, repo: Repo, data: bytes) -> None:
    """Bombs, truncation and counts out of bounds are refused, and neither object, row nor staged file remains."""
    name = xorb_hash([(chunk_hash(b"x"), 1)])
    with pytest.raises((BadFormat, TooLarge)):
        send_xorb(lite, repo, name, data)
    assert lite.store.size(xorb_key(name)) is None
    with lite.db.read() as conn:
        assert xorbs.get_xorbs(conn, [name]) == {}
    assert staged(lite) == []


def test_another_name_than_that_of_the_bytes(lite: Node, repo: Repo, file: RawFile) -> None:
    """A xorb is refused under any name but its own."""
    with pytest.raises(DigestMismatch):
        send_xorb(lite, repo, raw_file(b"other").xorb, file.xorb_bytes)
    assert lite.store.size(xorb_key(file.xorb)) is None


def test_an_aborted_upload_leaves_nothing(lite: Node, file: RawFile) -> None:
    """A client that goes away in the middle leaves no staged file."""
    with XorbIngest(lite, file.xorb, length=len(file.xorb_bytes)) as ingest:
        ingest.feed(file.xorb_bytes[:300_000])
    assert staged(lite) == []


def test_a_xorb_removed_meanwhile_has_to_be_sent_again(lite: Node, repo: Repo, file: RawFile) -> None:
    """What garbage collection removes during a repeated upload is not entered as if it were there."""
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    with XorbIngest(lite, file.xorb) as ingest:
        ingest.feed(file.xorb_bytes)
        lite.store.delete(xorb_key(file.xorb))
        with pytest.raises(Busy):
            ingest.finish(repo)
    assert send_xorb(lite, repo, file.xorb, file.xorb_bytes)


def test_space_that_is_not_there_is_refused_at_once(lite: Node, file: RawFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is noticed before the first byte, and the staged file is gone."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(StorageFull):
        XorbIngest(lite, file.xorb, length=100)
    assert staged(lite) == []


def test_a_sent_xorb_counts_as_advertised(lite: Node, repo: Repo, file: RawFile) -> None:
    """The client remembers the xorb, so the day is recorded, also when it is sent again later."""
    clock = lite.clock
    assert isinstance(clock, TickingClock)
    for _ in range(2):
        send_xorb(lite, repo, file.xorb, file.xorb_bytes)
        with lite.db.read() as conn:
            assert xorbs.get_xorbs(conn, [file.xorb])[file.xorb].advertised_day == clock.now() // 86400
        clock.time += 40 * 86400


def test_eligible_chunks_are_found_by_deduplication(file: RawFile) -> None:
    """Exactly the chunks that clients ask for are indexed."""
    assert eligible_chunks(file.table) == [value for value, _ in file.chunks if is_dedup_eligible(value)]
