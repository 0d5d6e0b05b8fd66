"""Objects against their names."""

from __future__ import annotations

import random

import pytest
from tests.support.attesting import attest_all
from tests.support.nodes import commit
from tests.support.rawxet import raw_file
from tests.support.xetflows import damage, send_file

from hanse.db.repos import Repo
from hanse.flows.fsck_checker import Checker
from hanse.flows.fsck_objects import check_objects
from hanse.flows.node import Node
from hanse.flows.operations import PutBytes
from hanse.model.actor import Actor
from hanse.store import keys
from hanse.store.keys import ObjectKey, xorb_table_key

FILE = raw_file(random.Random(81).randbytes(200_000))
KINDS = {
    keys.XORBS: "xorb",
    keys.XORB_TABLES: "table",
    keys.BLOBS: "blob",
    keys.SHARDS: "shard",
    keys.CHUNK_LISTS: "chunk-list",
    keys.REVISIONS: "record",
    keys.ATTESTATIONS: "bundle",
}


@pytest.fixture(name="full")
def _full(lite: Node, owner: Actor, repo: Repo) -> Node:
    """Return a node with an object of every family."""
    send_file(lite, owner, repo, FILE)
    commit(lite, owner, repo, PutBytes("a", b"some text"))
    attest_all(lite)
    return lite


def _problems(node: Node) -> list[tuple[str, str]]:
    checker = Checker(node)
    check_objects(checker)
    return [(problem.kind, problem.name) for problem in checker.problems]


def test_one_changed_byte_anywhere_is_found(full: Node) -> None:
    """In every family of objects a flipped bit is reported under that object's key."""
    assert _problems(full) == []
    for prefix, kind in KINDS.items():
        key = max(full.store.list(prefix), key=lambda key: full.store.size(key) or 0)
        position = (full.store.size(key) or 0) - 5
        damage(full, key, position)
        assert (kind, key) in _problems(full), prefix
        damage(full, key, position)
    assert _problems(full) == []


def test_objects_in_the_wrong_place(full: Node) -> None:
    """A sound object under another name is no sound object."""
    for prefix, kind in KINDS.items():
        (key, *_) = full.store.list(prefix)
        wrong = ObjectKey(f"{prefix}00/{'0' * 64}")
        full.store.put(wrong, full.store.get(key))
        assert (kind, wrong) in _problems(full)
        full.store.delete(wrong)


def test_strays_are_named(full: Node) -> None:
    """An object of no known family is reported."""
    full.store.put(ObjectKey("other/file"), b"x")
    assert _problems(full) == [("stray", "other/file")]


def test_a_damaged_table_is_made_again(full: Node) -> None:
    """In quarantine mode a table is replaced by what the verified xorb says."""
    key = xorb_table_key(FILE.xorb)
    damage(full, key, 50)
    checker = Checker(full, full.staging.root.parent / "quarantine")
    check_objects(checker)
    assert [(problem.kind, problem.quarantined) for problem in checker.problems] == [("table", True)]
    assert full.store.get(key) == FILE.table.encode()
    assert _problems(full) == []
