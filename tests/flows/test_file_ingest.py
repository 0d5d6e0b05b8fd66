"""Whole files as streams."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import pytest
from tests.support.nodes import new_repo
from tests.support.rawxet import raw_file
from tests.support.xetflows import send_file, staged

from hanse.content.shard import parse_shard
from hanse.content.terms import check_against_tables, check_range_hashes, parse_terms
from hanse.db import blobs, xorbs
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import DigestMismatch, PolicyError, TooLarge
from hanse.flows.file_ingest import FileIngest
from hanse.flows.known_chunks import known_chunks
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.flows.transfers import Tables
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.repo import Visibility
from hanse.store.keys import SHARDS, XORBS, chunk_list_key

DATA = random.Random(51).randbytes(1_000_000)


def _sha256(data: bytes) -> Sha256:
    return Sha256(hashlib.sha256(data).hexdigest())


def _send(
    node: Node, actor: Actor, repo: Repo, data: bytes, *, piece: int = 100_000, size: int = -1, digest: Sha256 | None = None
) -> FileRow:
    declared = len(data) if size < 0 else size
    with FileIngest(node, actor, repo, sha256=digest or _sha256(data), size=declared) as ingest:
        for at in range(0, len(data), piece):
            ingest.feed(data[at : at + piece])
        return ingest.finish()


def _stored(node: Node) -> int:
    return sum(node.store.size(key) or 0 for key in node.store.list(XORBS))


def test_a_stream_becomes_a_file_like_any_other(node: Node, alice: Actor) -> None:
    """Its names are those that Xet clients compute, its bytes come back, its chunk list and a valid shard are kept."""
    repo = new_repo(node, alice, "alice/a")
    row = _send(node, alice, repo, DATA)
    expected = raw_file(DATA)
    assert (row.xet, row.sha256, row.size, row.chunks) == (expected.file, expected.sha256, len(DATA), len(expected.chunks))
    assert open_file(node, row).read_at(0, row.size) == DATA
    assert node.store.get(chunk_list_key(row.xet)) == expected.table.chunk_list(0, expected.table.count)
    (key,) = node.store.list(SHARDS)
    (block,) = parse_shard(node.store.get(key)).files
    tables = Tables(node.store, node.transfers.tables)
    check_against_tables(block.terms, tables)
    check_range_hashes(block.terms, block.range_hashes, tables)
    assert (block.file, block.sha256) == (row.xet, row.sha256)
    with node.db.read() as conn:
        assert blobs.find_by_sha256(conn, repo.id, [row.sha256])[row.sha256] == row
        assert xorbs.find_chunk(conn, repo.id, expected.chunks[0][0], 1)


def test_what_is_declared_must_be_true(lite: Node, owner: Actor, repo: Repo) -> None:
    """More or fewer bytes than declared, or another digest, make nothing visible."""
    wrong = [(len(DATA) - 1, _sha256(DATA)), (len(DATA) + 1, _sha256(DATA)), (len(DATA), _sha256(b""))]
    for size, digest in wrong:
        with pytest.raises(DigestMismatch):
            _send(lite, owner, repo, DATA, size=size, digest=digest)
    with lite.db.read() as conn:
        assert blobs.get_by_sha256(conn, [_sha256(DATA)]) == {}
        assert xorbs.recent_xorbs(conn, repo.id, 9) == []
    assert staged(lite) == []
    with pytest.raises(TooLarge):
        FileIngest(replace(lite, limits=replace(lite.limits, max_file_bytes=5)), owner, repo, sha256=_sha256(DATA), size=6)


def test_chunks_that_are_here_are_not_stored_again(lite: Node, owner: Actor, repo: Repo) -> None:
    """A changed file shares its unchanged chunks with earlier versions, also with those that came by Xet."""
    send_file(lite, owner, repo, raw_file(DATA))
    before = _stored(lite)
    assert _send(lite, owner, repo, DATA).size == len(DATA)
    assert _stored(lite) == before
    changed = DATA[:500_000] + b"!" + DATA[500_000:]
    row = _send(lite, owner, repo, changed)
    assert _stored(lite) - before < 300_000
    assert open_file(lite, row).read_at(0, row.size) == changed
    assert len({term.xorb for term in parse_terms(row.terms or b"")}) == 2


def test_repeated_content_is_stored_once(lite: Node, owner: Actor, repo: Repo) -> None:
    """A file that repeats itself is stored as often as its chunks differ."""
    data = DATA[:300_000] * 3 + bytes(700_000)
    row = _send(lite, owner, repo, data)
    assert open_file(lite, row).read_at(0, row.size) == data
    assert _stored(lite) < 900_000


def test_chunks_of_others_are_shared_where_they_may_be_read(node: Node, alice: Actor, bob: Actor) -> None:
    """A public repository's xorb is found by the first chunk; a private one's is not, and its bytes have to be brought."""
    for name, visibility in (("open", Visibility.PUBLIC), ("secret", Visibility.PRIVATE)):
        data = random.Random(name).randbytes(400_000)
        _send(node, alice, new_repo(node, alice, f"alice/{name}", visibility), data)
        known = known_chunks(node, bob, new_repo(node, bob, f"bob/{name}"), len(data))
        found = known.find(raw_file(data).chunks[0][0])
        assert (found is not None) == (visibility is Visibility.PUBLIC)
        assert _send(node, bob, new_repo(node, bob, f"bob/{name}-2"), data).size == len(data)


def test_the_hook_sees_streams_too(lite: Node, owner: Actor, repo: Repo) -> None:
    """What the content hook refuses does not become a file."""

    class Refusing:
        streams = True

        def begin(self, _read_at: object, size: int) -> None:
            assert size == len(DATA)

        def feed(self, _data: memoryview) -> None:
            pass

        def end(self, digest: Sha256) -> None:
            assert digest == _sha256(DATA)
            raise PolicyError("no")

        def close(self) -> None:
            pass

    lite.transfers.hook = Refusing
    with pytest.raises(PolicyError):
        _send(lite, owner, repo, DATA)
    with lite.db.read() as conn:
        assert blobs.get_by_sha256(conn, [_sha256(DATA)]) == {}
    lite.transfers.hook = None


def test_empty_and_tiny_files(lite: Node, owner: Actor, repo: Repo) -> None:
    """Nothing and one byte are files too."""
    for data in (b"", b"x"):
        row = _send(lite, owner, repo, data, piece=1)
        assert (row.size, row.sha256) == (len(data), _sha256(data))
        assert open_file(lite, row).read_at(0, 9) == data
