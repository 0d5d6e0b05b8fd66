"""Shard registration: nothing an upload says is believed."""

from __future__ import annotations

import hashlib
import random
import struct
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from tests.support.nodes import add_user, new_repo
from tests.support.rawxet import RawFile, raw_file, xorb_of
from tests.support.xetflows import send_file, send_xorb

from hanse.content.hashing import chunk_hash, file_hash, file_hash_of_chunk_list, range_hash, xorb_hash
from hanse.content.shard import FileBlock, Shard, encode_shard, xorb_block
from hanse.content.terms import Term, parse_terms
from hanse.db import blobs, xorbs
from hanse.db.repos import Repo
from hanse.db.schema import repo_files
from hanse.errors import BadFormat, BlobNotFound, Busy, DigestMismatch, HanseError, TooLarge
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.flows.register import register_shard
from hanse.model.actor import Actor
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import Visibility
from hanse.store.keys import chunk_list_key, shard_key, xorb_key


@pytest.fixture(name="file", scope="module")
def _file() -> RawFile:
    return raw_file(random.Random(11).randbytes(400_000))


def _held(node: Node) -> int:
    with node.db.read() as conn:
        return int(conn.execute(select(func.count()).select_from(repo_files)).scalar_one())


def _shard(sample: RawFile, /, **changes: object) -> bytes:
    return encode_shard(Shard((replace(sample.block, **changes),), ()))  # type: ignore[arg-type]


def test_a_file_is_known_once_its_bytes_were_checked(node: Node, alice: Actor, file: RawFile) -> None:
    """The file can be read back, its chunk list and shard are objects, and sending it again changes nothing."""
    repo = new_repo(node, alice, "alice/a")
    assert send_file(node, alice, repo, file)
    with node.db.read() as conn:
        row = blobs.find_by_sha256(conn, repo.id, [file.sha256])[file.sha256]
        assert blobs.file_states(conn, repo.id, [row.id]) == {row.id: "staged"}
        assert xorbs.find_chunk(conn, repo.id, file.chunks[0][0], 1)[0].hash == file.xorb
    assert (row.xet, row.size, row.chunks) == (file.file, len(file.data), len(file.chunks))
    assert open_file(node, row).read_at(0, row.size) == file.data
    assert file_hash_of_chunk_list(node.store.get(chunk_list_key(file.file))) == (file.file, row.size)
    assert node.store.get(shard_key(Sha256(hashlib.sha256(file.shard).hexdigest()))) == file.shard
    assert not register_shard(node, alice, repo, file.shard)


def _lies(file: RawFile) -> dict[str, tuple[bytes, type[HanseError]]]:
    term, other = file.block.terms[0], raw_file(b"o" * 20_000)
    count = len(file.chunks)
    short = replace(term, end=count - 1)
    moved = Term(term.xorb, 1, count, term.length - file.chunks[0][1])
    values = [value for value, _ in file.chunks]
    table = replace(other.table, xorb=file.xorb)
    return {
        "sha256": (_shard(file, sha256=other.sha256), DigestMismatch),
        "file hash": (_shard(file, file=other.file), DigestMismatch),
        "range hash": (_shard(file, range_hashes=(b"r" * 32,)), DigestMismatch),
        "no range hash": (_shard(file, range_hashes=()), BadFormat),
        "unpacked length": (_shard(file, terms=(replace(term, length=term.length - 1),)), BadFormat),
        "chunk range": (_shard(file, terms=(replace(term, end=count + 1),)), BadFormat),
        "length of another range": (_shard(file, terms=(short,)), BadFormat),
        "other chunks": (_shard(file, terms=(moved,), range_hashes=(range_hash(values[1:]),)), DigestMismatch),
        "no terms": (_shard(file, terms=(), range_hashes=()), BadFormat),
        "unknown xorb": (other.shard, BlobNotFound),
        "unknown xorb block": (encode_shard(Shard((file.block,), (xorb_block(other.table),))), BlobNotFound),
        "chunks of another xorb": (encode_shard(Shard((file.block,), (xorb_block(table),))), DigestMismatch),
        "one true and one false file": (
            encode_shard(Shard((file.block, replace(file.block, sha256=other.sha256)), ())), DigestMismatch
        ),
        "cut short": (file.shard[:-60], BadFormat),
        "2^32 - 1 terms": (_count(file.shard, 48 + 36), BadFormat),
        "no shard": (b"", BadFormat),
    }  # fmt: skip


def _count(shard: bytes, at: int) -> bytes:
    return shard[:at] + struct.pack("<I", 2**32 - 1) + shard[at + 4 :]


_SAMPLE = raw_file(random.Random(11).randbytes(400_000))


@pytest.mark.parametrize("lie", _lies(_SAMPLE))
def test_lies_are_refused_and_leave_nothing(lite: Node, owner: Actor, repo: Repo, file: RawFile, lie: str) -> None:
    """No false claim makes a file known; the true shard is taken afterwards."""
    shard, refusal = _lies(file)[lie]
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    before = _held(lite)
    with pytest.raises(refusal):
        register_shard(lite, owner, repo, shard)
    assert _held(lite) == before
    assert lite.transfers.checks == {}
    assert register_shard(lite, owner, repo, file.shard)


def test_a_known_file_still_needs_true_claims(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """A file that is known already is not read again, but a false digest for it is refused all the same."""
    send_file(lite, owner, repo, file)
    with pytest.raises(DigestMismatch):
        register_shard(lite, owner, repo, _shard(file, sha256=Sha256("0" * 64)))


def test_xorbs_of_others_do_not_exist(node: Node, alice: Actor, bob: Actor, file: RawFile) -> None:
    """A shard over a private repository's xorb fails with the words for one that was never sent."""
    secret = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    send_file(node, alice, secret, file)
    mine = new_repo(node, bob, "bob/mine")
    with pytest.raises(BlobNotFound) as known:
        register_shard(node, bob, mine, file.shard)
    unknown = raw_file(b"never sent" * 9000)
    with pytest.raises(BlobNotFound) as nothing:
        register_shard(node, bob, mine, unknown.shard)
    assert known.value.message.replace(file.xorb, "X") == nothing.value.message.replace(unknown.xorb, "X")
    send_xorb(node, mine, file.xorb, file.xorb_bytes)
    assert register_shard(node, bob, mine, file.shard), "whoever has the bytes may send them"


def test_chunks_of_readable_repositories_may_be_used(node: Node, alice: Actor, bob: Actor, file: RawFile) -> None:
    """A public repository's xorb may be referred to, and from then on belongs to the new repository too."""
    send_file(node, alice, new_repo(node, alice, "alice/open"), file)
    mine = new_repo(node, bob, "bob/mine", Visibility.PRIVATE)
    assert register_shard(node, bob, mine, file.shard)
    with node.db.read() as conn:
        assert file.xorb in xorbs.find_xorbs(conn, mine.id, [file.xorb])


def test_more_chunks_than_bytes_can_have(lite: Node, owner: Actor, repo: Repo) -> None:
    """Tiny chunks, repeated by terms, would make chunk lists of any size; files of proper chunking have none."""
    chunks = [bytes([number]) for number in range(200)]
    named = [(chunk_hash(chunk), 1) for chunk in chunks]
    send_xorb(lite, repo, xorb_hash(named), xorb_of(chunks))
    terms = (Term(xorb_hash(named), 0, 200, 200),) * 1000
    block = FileBlock(XetHash("a" * 64), terms, (bytes(32),) * 1000, None)
    with pytest.raises(BadFormat, match="more chunks"):
        register_shard(lite, owner, repo, encode_shard(Shard((block,), ())))


def test_more_bytes_and_chunks_than_a_node_takes(
    lite: Node, owner: Actor, repo: Repo, file: RawFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sums over all files of a shard are bounded before anything is read."""
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    small = replace(lite, limits=replace(lite.limits, max_file_bytes=len(file.data) - 1))
    with pytest.raises(TooLarge):
        register_shard(small, owner, repo, file.shard)
    monkeypatch.setattr("hanse.flows.register.MAX_SHARD_CHUNKS", len(file.chunks) - 1)
    with pytest.raises(TooLarge):
        register_shard(lite, owner, repo, file.shard)


def test_the_same_file_twice_in_one_shard_and_in_two_forms(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """A file may be named twice; the terms that came first are kept, whatever others lead to the same bytes."""
    double = encode_shard(Shard((file.block, file.block), ()))
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    assert register_shard(lite, owner, repo, double)
    half = len(file.chunks) // 2
    sizes = [length for _, length in file.chunks]
    terms = (Term(file.xorb, 0, half, sum(sizes[:half])), Term(file.xorb, half, len(sizes), sum(sizes[half:])))
    values = [value for value, _ in file.chunks]
    ranges = (range_hash(values[:half]), range_hash(values[half:]))
    assert register_shard(lite, owner, repo, _shard(file, terms=terms, range_hashes=ranges))
    with lite.db.read() as conn:
        row = blobs.find_by_xet(conn, repo.id, [file.file])[file.file]
    assert parse_terms(row.terms or b"") == file.block.terms


def test_a_digest_that_is_not_claimed_is_computed(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """Without a sha256 in the shard, the file still gets the one its bytes have."""
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    register_shard(lite, owner, repo, _shard(file, sha256=None))
    with lite.db.read() as conn:
        assert blobs.find_by_xet(conn, repo.id, [file.file])[file.file].sha256 == file.sha256


def test_progress_is_that_of_the_check(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """Verified bytes grow up to the total as they are read."""
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    seen: list[tuple[int, int]] = []
    register_shard(lite, owner, repo, file.shard, lambda verified, total: seen.append((verified, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (len(file.data), len(file.data))


class _Waiting:
    """A hook that holds the check up until told, or refuses the content."""

    streams = True

    def __init__(self, error: Exception | None = None) -> None:
        self.entered, self.go = threading.Event(), threading.Event()
        self.error = error

    def begin(self, _read_at: Callable[[int, int], bytes], _size: int) -> None:
        """Wait."""
        self.entered.set()
        assert self.go.wait(120)

    def feed(self, _data: memoryview) -> None:
        """Take anything."""

    def end(self, _digest: Sha256) -> None:
        """Refuse, if so told."""
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("error", [None, BadFormat("the scanner says no")])
def test_a_second_call_waits_for_the_first(lite: Node, owner: Actor, repo: Repo, file: RawFile, error: BadFormat | None) -> None:
    """The same shard sent again while it is being checked is not checked twice, and ends as the first one does."""
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    made: list[_Waiting] = []

    def hook() -> _Waiting:
        made.append(_Waiting(error))
        return made[-1]

    lite.transfers.hook = hook
    ends: list[object] = []

    def call() -> None:
        try:
            ends.append(register_shard(lite, owner, repo, file.shard))
        except HanseError as refusal:
            ends.append(refusal)

    threads = [threading.Thread(target=call) for _ in range(3)]
    threads[0].start()
    while not made or not made[0].entered.wait(0.01):
        pass
    for thread in threads[1:]:
        thread.start()
    made[0].go.set()
    for thread in threads:
        thread.join(120)
    assert sorted(map(str, ends)) == (["the scanner says no"] * 3 if error else ["False", "False", "True"])
    assert len(made) == 1
    lite.transfers.hook = None


def test_xorbs_removed_during_the_check(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """A file is not entered over a xorb that is gone by the time its check ends."""
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)

    def remove(verified: int, total: int) -> None:
        if verified == total:
            lite.store.delete(xorb_key(file.xorb))

    with pytest.raises(Busy):
        register_shard(lite, owner, repo, file.shard, remove)
    with lite.db.read() as conn:
        assert blobs.find_by_xet(conn, repo.id, [file.file]) == {}


def test_files_retired_meanwhile_come_back(lite: Node, owner: Actor, repo: Repo, file: RawFile) -> None:
    """A shard that was accepted once makes its retired files nameable again, without another check."""
    send_file(lite, owner, repo, file)
    with lite.db.write() as conn:
        row = blobs.find_by_xet(conn, repo.id, [file.file])[file.file]
        blobs.set_file_state(conn, repo.id, [row.id], "retired")
    other = add_user(lite, "other")
    assert not register_shard(lite, other, repo, file.shard)
    with lite.db.read() as conn:
        assert blobs.file_states(conn, repo.id, [row.id]) == {row.id: "staged"}


def test_file_names_are_those_of_the_primitives(file: RawFile) -> None:
    """The sample is what it claims to be."""
    assert file_hash(file.chunks) == file.file
