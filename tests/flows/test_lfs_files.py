"""Copies of large files between repositories (listing and deletion: test_rewrite)."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from tests.support.nodes import commit, new_repo

from hanse.db import blobs
from hanse.errors import BadCommit, GatedRepo, NotAllowed
from hanse.flows import lfs, lfs_files
from hanse.flows.lfs import Wanted
from hanse.flows.lfs_files import Copy
from hanse.flows.node import Node
from hanse.flows.publish import PutFile
from hanse.flows.repos import set_gated
from hanse.model.actor import Actor
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import Visibility

BIG = random.Random(4).randbytes(150_000)
DIGEST = Sha256(sha256(BIG).hexdigest())


def test_a_copy_needs_the_source(node: Node, alice: Actor, bob: Actor) -> None:
    """Only who may read the source can copy from it; unknown or wrongly named files are reported one by one."""
    source = new_repo(node, alice, "alice/m", Visibility.PRIVATE)
    with lfs.open_ingest(node, source.id, lfs.holder_of(alice), Wanted(DIGEST, len(BIG)), len(BIG)) as ingest:
        ingest.feed(BIG)
        row = ingest.finish()
    commit(node, alice, source, PutFile("m.bin", DIGEST))
    target = new_repo(node, bob, "bob/m")
    with pytest.raises(BadCommit):
        commit(node, bob, target, PutFile("m.bin", DIGEST))
    mine = new_repo(node, alice, "alice/copy")
    wrong = Copy(Sha256("cd" * 32), row.xet)
    missing = Copy(DIGEST, XetHash("ef" * 32))
    failed = lfs_files.copy_files(node, alice, source, mine, [Copy(DIGEST, row.xet), wrong, missing])
    assert [digest for digest, _ in failed] == [wrong.sha256, missing.sha256]
    with node.db.read() as conn:
        assert DIGEST in blobs.find_by_sha256(conn, mine.id, [DIGEST])
    commit(node, alice, mine, PutFile("m.bin", DIGEST))


def test_gates_and_rights_hold_for_copies(node: Node, alice: Actor, bob: Actor) -> None:
    """A gated source, or a target the caller may not upload for, refuses the copy as a whole."""
    source, target = new_repo(node, alice, "alice/gated"), new_repo(node, bob, "bob/m")
    gated = set_gated(node, alice, source, "manual")
    with pytest.raises(GatedRepo):
        lfs_files.copy_files(node, bob, gated, target, [])
    reader = Actor(bob.account_id, "bob", role="read")
    with pytest.raises(NotAllowed):
        lfs_files.copy_files(node, reader, target, target, [])
