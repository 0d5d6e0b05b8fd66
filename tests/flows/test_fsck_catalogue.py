"""The catalogue against the objects."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import update
from tests.support.nodes import commit
from tests.support.rawxet import raw_file
from tests.support.xetflows import send_file

from hanse.content.hashing import chunk_hash, encode_chunk_list
from hanse.content.terms import encode_terms
from hanse.db.repos import Repo
from hanse.db.schema import files, revisions, xorbs
from hanse.flows.fsck_catalogue import check_files, check_revisions
from hanse.flows.fsck_checker import Checker
from hanse.flows.ingest import store_small
from hanse.flows.node import Node
from hanse.flows.operations import PutBytes, PutFile
from hanse.model.actor import Actor
from hanse.store.keys import blob_key, chunk_list_key, revision_key, xorb_key, xorb_table_key

FILE = raw_file(random.Random(91).randbytes(200_000))


@pytest.fixture(name="full")
def _full(lite: Node, owner: Actor, repo: Repo) -> Node:
    """Return a node with a file in xorbs, one stored whole, and two revisions that name them."""
    send_file(lite, owner, repo, FILE)
    commit(lite, owner, repo, PutFile("model.bin", FILE.sha256), PutBytes("a", b"some text"))
    commit(lite, owner, repo, PutBytes("b", b"other text"))
    return lite


def _kinds(node: Node, *, deep: bool = False) -> list[str]:
    checker = Checker(node, deep=deep)
    check_files(checker)
    check_revisions(checker)
    return [problem.kind for problem in checker.problems]


def test_missing_objects_of_files(full: Node, owner: Actor, repo: Repo) -> None:
    """A file without chunk list, xorb, table or blob is reported, once for each thing that needs it."""
    small = store_small(full, repo, owner, b"some text")
    assert _kinds(full) == []
    for key in (chunk_list_key(FILE.file), xorb_key(FILE.xorb), xorb_table_key(FILE.xorb), blob_key(small.sha256)):
        data = full.store.get(key)
        full.store.delete(key)
        full.transfers.tables.forget(FILE.xorb)
        assert set(_kinds(full)) == {"file"}, key
        full.store.put(key, data)
    assert _kinds(full) == []


@pytest.mark.parametrize(
    "change",
    [
        update(files).where(files.c.xet == FILE.file).values(size=7),
        update(files).where(files.c.xet == FILE.file).values(terms=b"x" * 43),
        update(files).where(files.c.xet == FILE.file).values(terms=encode_terms(FILE.block.terms * 2)),
        update(xorbs).values(stored_size=7),
    ],
    ids=["size", "terms that do not parse", "other terms", "xorb size"],
)
def test_rows_that_say_something_else(full: Node, change: object) -> None:
    """A file or xorb row that contradicts the objects is reported."""
    with full.db.write() as conn:
        conn.execute(change)  # type: ignore[call-overload]
    assert "file" in _kinds(full)


def test_a_deep_check_reads_whole_files(full: Node, owner: Actor, repo: Repo) -> None:
    """A wrong SHA-256 of a file in xorbs, and bytes that are not those of a chunk list, are found by a deep check alone."""
    checker = Checker(full, deep=True)
    check_files(checker)
    assert checker.problems == []
    assert checker.read >= len(FILE.data)
    small = store_small(full, repo, owner, b"some text")
    other = encode_chunk_list([(chunk_hash(b"some test"), 9)])
    full.store.delete(chunk_list_key(small.xet))
    full.store.put(chunk_list_key(small.xet), other)
    assert (_kinds(full), _kinds(full, deep=True)) == ([], ["file"])
    with full.db.write() as conn:
        conn.execute(update(files).where(files.c.xet == FILE.file).values(sha256="0" * 64))
    assert _kinds(full, deep=True).count("file") == 2
    assert "file" not in _kinds(full)


def test_revisions_without_their_files_or_records(full: Node) -> None:
    """A live revision whose record is gone, or which names a file that is not held, is reported."""
    with full.db.write() as conn:
        conn.execute(update(files).where(files.c.xet == FILE.file).values(erased=True))
    assert _kinds(full).count("revision") == 2, "the commit that put the file, and the head that still has it"
    with full.db.write() as conn:
        conn.execute(update(files).values(erased=False))
        name = conn.execute(revisions.select()).first()
    assert name is not None
    full.store.delete(revision_key(name.object))
    assert "revision" in _kinds(full)


@pytest.mark.parametrize("column", ["rev", "tree"])
def test_revisions_that_are_not_what_their_records_say(full: Node, column: str) -> None:
    """Commit id and tree of the catalogue are those of the record."""
    with full.db.write() as conn:
        first = conn.execute(revisions.select().order_by(revisions.c.id)).first()
        assert first is not None
        conn.execute(update(revisions).where(revisions.c.id == first.id).values({column: "0" * len(getattr(first, column))}))
    assert "revision" in _kinds(full)
