"""A restored backup must not fork the log."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support import world
from tests.support.nodes import ORIGIN, add_user, commit, fresh_catalogue, make_node, new_repo, running

from hanse.db import cosignatures, leaves
from hanse.db.cosignatures import Cosignature
from hanse.db.engine import Database
from hanse.errors import Equivocation, RolledBack
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.rebuild import rebuild
from hanse.keys.files import generate
from hanse.model.publickey import Scheme
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key
from hanse.tlog.note import parse_note

WITNESS = generate(Scheme.ED25519)


def _cosigned(size: int, root: bytes) -> Cosignature:
    """Return what a real witness says of the log of the test node."""
    line = cosign(Checkpoint(ORIGIN, size, root), "witness.example", WITNESS, 1_800_000_000)
    key = cosigner_key("witness.example", WITNESS.public)
    return Cosignature(ORIGIN, size, key.name, key.key_id.hex(), "witness", root.hex(), 1_800_000_000, line)


def _tell(node: Node, *found: Cosignature) -> None:
    with node.db.write() as conn:
        cosignatures.put(conn, found)


def _busy_node(database: Database, data: Path) -> Node:
    """Return a node that published; it does not run any more."""
    with running(make_node(database, data)) as node:
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m")
        commit(node, alice, repo, PutBytes("a", b"1"))
    return node


def test_restored_backup_refuses_to_sign_and_to_go_on(sqlite_url: URL, tmp_path: Path) -> None:
    """A node put back to an older state learns of a cosignature beyond it: it signs and appends nothing and says what to do."""
    data, old = tmp_path / "data", tmp_path / "old"
    node = _busy_node(Database(sqlite_url), data)
    shutil.copytree(data, old)
    shutil.copytree(data.with_name("data-node"), old.with_name("old-node"))
    backup = tmp_path / "backup.db"
    node.db.close()
    shutil.copyfile(str(sqlite_url.database), backup)
    with running(make_node(Database(sqlite_url), data)) as node:
        alice = add_user(node, "alice")
        new_repo(node, alice, "alice/later")
    seen = _cosigned(node.log.size, node.log.head().root)
    node.db.close()

    restored = make_node(Database(sqlite_url.set(database=str(backup))), old)
    size = restored.log.size
    assert open_checkpoint(restored.log.checkpoint(), restored.log.key).checkpoint.size == size < seen.size
    _tell(restored, seen)
    with pytest.raises(RolledBack, match=f"with {seen.size} leaves, and here it has {size}") as refusal:
        restored.log.checkpoint()
    assert "hanse admin rebuild --replace" in refusal.value.hint
    with running(restored), pytest.raises(RolledBack):
        new_repo(restored, alice, "alice/fork")
    assert restored.log.size == size
    restored.db.close()

    # The way out that the hint names: the newest objects, and a catalogue made from them.
    new = make_node(fresh_catalogue(tmp_path), data)
    assert rebuild(new).problems == ()
    _tell(new, seen)
    with running(new):
        new_repo(new, add_user(new, "alice"), "alice/fork")
    assert new.log.size > seen.size
    assert parse_note(new.log.checkpoint(seen.size)).signatures[1].name == "witness.example"
    world.check(new)
    new.db.close()


def test_another_log_under_the_same_key_refuses(database: Database, tmp_path: Path) -> None:
    """A log that is long enough but is not the cosigned one signs nothing; both roots are in the evidence."""
    node = _busy_node(database, tmp_path / "data")
    fork = _cosigned(node.log.size - 1, b"\1" * 32)
    _tell(node, fork)
    with pytest.raises(Equivocation) as refusal:
        node.log.checkpoint()
    assert fork.line.encode() in refusal.value.evidence
    with running(make_node(database, tmp_path / "data")) as again, pytest.raises(Equivocation):
        new_repo(again, add_user(again, "alice"), "alice/x")


def test_true_cosignatures_are_carried(database: Database, tmp_path: Path) -> None:
    """Cosignatures of this very log stand below its checkpoint of their size, and of no other."""
    node = _busy_node(database, tmp_path / "data")
    size = node.log.size
    good = _cosigned(size - 1, node.log.files.root(size - 1))
    _tell(node, good, replace(good, origin="other.example.org", size=size + 5))
    assert [line.name for line in parse_note(node.log.checkpoint(size - 1)).signatures] == [ORIGIN, "witness.example"]
    assert [line.name for line in parse_note(node.log.checkpoint()).signatures] == [ORIGIN]
    with database.read() as conn:
        assert leaves.head(conn) is not None
