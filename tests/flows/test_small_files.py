"""Small files, stored whole."""

from __future__ import annotations

import hashlib
import random

import pytest
from tests.support.nodes import new_repo
from tests.support.rawxet import raw_file

from hanse.content.hashing import file_hash_of_chunk_list
from hanse.db import blobs
from hanse.db.repos import Repo
from hanse.errors import Busy, TooLarge
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.flows.small_files import give_terms, store_small, store_small_files
from hanse.model.actor import Actor
from hanse.model.digest import EMPTY_XET, Sha256
from hanse.store.keys import ObjectKey, blob_key, chunk_list_key


def test_small_files_have_all_names(node: Node, alice: Actor) -> None:
    """Each gets the names that Xet clients compute, a blob, a chunk list and a place in the repository, in order."""
    repo = new_repo(node, alice, "alice/a")
    items = [b"", b"one", random.Random(1).randbytes(300_000), b"one"]
    rows = store_small_files(node, repo, alice, items)
    assert [row.xet for row in rows] == [EMPTY_XET, *(raw_file(item).file for item in items[1:])]
    for row, data in zip(rows, items, strict=True):
        assert (row.sha256, row.size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert node.store.get(blob_key(row.sha256)) == data
        assert file_hash_of_chunk_list(node.store.get(chunk_list_key(row.xet))) == (row.xet, len(data))
    with node.db.read() as conn:
        assert set(blobs.find_by_xet(conn, repo.id, [row.xet for row in rows])) == {row.xet for row in rows}
    assert store_small(node, repo, alice, b"one") == rows[1]


def test_large_files_are_refused(lite: Node, owner: Actor, repo: Repo) -> None:
    """What is larger than a file inside a commit may be goes by Xet or LFS."""
    with pytest.raises(TooLarge):
        store_small_files(lite, repo, owner, [b"x", bytes(lite.limits.max_regular_bytes + 1)])
    with lite.db.read() as conn:
        assert blobs.get_by_sha256(conn, [Sha256(hashlib.sha256(b"x").hexdigest())]) == {}


def test_objects_removed_meanwhile(lite: Node, owner: Actor, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose bytes garbage collection takes away just now is not entered."""
    put = lite.store.put

    def put_and_lose(key: ObjectKey, data: bytes) -> bool:
        new = put(key, data)
        lite.store.delete(key)
        return new

    monkeypatch.setattr(lite.store, "put", put_and_lose)
    with pytest.raises(Busy):
        store_small(lite, repo, owner, b"x")
    with lite.db.read() as conn:
        assert blobs.get_by_sha256(conn, [Sha256(hashlib.sha256(b"x").hexdigest())]) == {}


def test_a_whole_file_gains_chunks(lite: Node, owner: Actor, repo: Repo) -> None:
    """Terms are given once; from then on the file is read through them, with the same bytes."""
    data = random.Random(2).randbytes(200_000)
    row = store_small(lite, repo, owner, data)
    packed = give_terms(lite, repo, row)
    assert give_terms(lite, repo, row) == packed
    with lite.db.read() as conn:
        changed = blobs.find_by_xet(conn, repo.id, [row.xet])[row.xet]
    assert changed.terms == packed
    assert open_file(lite, changed).read_at(0, len(data)) == data
