"""Files and xorbs from what lies in the store."""

from __future__ import annotations

from pathlib import Path

from tests.support.nodes import commit, fresh_catalogue, make_node, new_repo
from tests.support.uploads import noise, upload

from hanse.db import blobs, xorbs
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.rebuild_files import restore_files
from hanse.flows.recordbook import RecordBook
from hanse.model.actor import Actor
from hanse.model.digest import XetHash
from hanse.store.keys import ObjectKey, xorb_table_key


def _restore(node: Node, folder: Path) -> tuple[list[str], list[tuple[int, bool]], list[str]]:
    """Return problems, (size, has terms) of files, and xorbs that a fresh catalogue gets."""
    folder.mkdir()
    new = make_node(fresh_catalogue(folder), folder.parent / "data")
    book = RecordBook(node.store)
    with new.db.write() as conn:
        restore_files(new, conn, book)
        files = sorted((row.size, row.terms is not None) for row in blobs.all_files(conn))
        found = [str(row.hash) for row in xorbs.all_xorbs(conn)]
    new.db.close()
    return book.problems, files, found


def test_damage_is_left_out(node: Node, alice: Actor, tmp_path: Path) -> None:
    """Files whose xorb, table or chunk list is missing or damaged are left out and told; the others come back."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, upload(node, alice, repo, "a", noise(1)), PutBytes("b", b"12"))
    problems, files, (xorb,) = _restore(node, tmp_path / "whole")
    assert (problems, files) == ([], [(2, False), (1519, False), (400_000, True)])

    def without(key: ObjectKey, instead: bytes | None, name: str) -> tuple[list[str], list[tuple[int, bool]]]:
        kept = node.store.get(key)
        node.store.delete(key)
        if instead is not None:
            node.store.put(key, instead)
        told, left, _ = _restore(node, tmp_path / name)
        node.store.delete(key)
        node.store.put(key, kept)
        return told, left

    (stored,) = node.store.list("xorbs/")
    (shard,) = node.store.list("shards/")
    for number, (key, instead) in enumerate(
        [(stored, None), (stored, b"cut"), (xorb_table_key(XetHash(xorb)), b"x"), (shard, b"x")]
    ):
        told, left = without(key, instead, f"damage{number}")
        assert len(told) == 1, key
        assert left == [(2, False), (1519, False)]
    for number, key in enumerate(list(node.store.list("chunk-lists/"))):
        _, left = without(key, None, f"list{number}")
        assert len(left) == 2
