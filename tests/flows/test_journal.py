"""The journal's files: what is kept, what goes, what is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.support import world
from tests.support.nodes import add_user, commit, make_node, new_repo, running

from hanse.db import leaves
from hanse.db.engine import Database
from hanse.errors import BadFormat, BadProof, BlobNotFound, IntegrityError
from hanse.flows import journal
from hanse.flows.journal import head_key, sweep
from hanse.flows.logfiles import Staged
from hanse.flows.publish import PutBytes
from hanse.model.digest import Sha256
from hanse.store.keys import ObjectKey, log_key, log_staged_key
from hanse.store.local import LocalStore


def test_catalogue_behind_the_journal_is_refused(database: Database, tmp_path: Path) -> None:
    """A catalogue older than the stored journal (a restored backup) never overwrites it: the publisher learns why."""
    data = tmp_path / "data"
    node = make_node(database, data)
    node.store.put(head_key(7), b'{"bundle":"","origin":"","root":"","size":7}')
    alice = add_user(node, "alice")
    with running(node), pytest.raises(IntegrityError, match="object store"):
        new_repo(node, alice, "alice/m")


def test_pruning_leaves_one_edge(database: Database, tmp_path: Path) -> None:
    """Partial tiles, heads and staged batches of earlier sizes do not pile up."""
    node = make_node(database, tmp_path / "data")
    with running(node):
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m")
        for number in range(5):
            commit(node, alice, repo, PutBytes(f"{number}", b""))
    kept = sorted(node.store.list("log/")) + list(node.store.list("log-staged/"))
    size = node.log.size
    assert kept == [f"log/head/{size:020}", f"log/tile/0/000.p/{size}", f"log/tile/entries/000.p/{size}"]


def test_sweeping_takes_only_what_was_passed(database: Database, tmp_path: Path) -> None:
    """Left-overs of dead processes go; what the present log needs, and a batch that may still follow, stay."""
    node = make_node(database, tmp_path / "data")
    with running(node):
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m")
        commit(node, alice, repo, PutBytes("a", b""))
    stale = [log_key("tile/entries/000.p/2"), log_key("tile/0/000.p/1"), head_key(1)]
    for key in stale:
        node.store.put(key, b"")
    digests, now = [Sha256("1" * 64), Sha256("2" * 64)], node.log.size
    assert list(node.store.list("log-staged/")) == []
    for digest, (start, size) in zip(digests, ((now - 1, now), (now, now + 1)), strict=True):
        node.store.put(log_staged_key(digest), msgspec.msgpack.encode(Staged(start, size, b"", ())))
    assert sweep(database, node.store) == 4
    assert list(node.store.list("log-staged/")) == [log_staged_key(digests[1])]
    world.check(node)


def test_sweeping_waits_for_a_batch_at_hand(database: Database, tmp_path: Path) -> None:
    """Nothing is swept while a committed batch is not in place, nor before the first start."""
    store = LocalStore(tmp_path)
    assert sweep(database, store) == 0
    with database.write() as conn:
        leaves.create_head(conn, leaves.LogHead(2, Sha256("0" * 64), b"", 1, Sha256("1" * 64)))
    store.put(head_key(1), b"")
    assert sweep(database, store) == 0


def test_sweeping_beside_the_writer(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that the log's writer puts in place while others look at what is staged is nobody's loss."""
    node = make_node(database, tmp_path / "data")
    with running(node):
        new_repo(node, add_user(node, "alice"), "alice/m")
    key, store = log_staged_key(Sha256("1" * 64)), node.store
    store.put(key, b"")
    get = type(store).get

    def gone(self: LocalStore, wanted: ObjectKey, start: int = 0, length: int | None = None) -> bytes:
        self.delete(key)
        return get(self, wanted, start, length)

    monkeypatch.setattr(type(store), "get", gone)
    assert sweep(database, store) == 0


def test_heads_are_parsed_strictly(tmp_path: Path) -> None:
    """A stored head must be of the size that its name says, and nothing else."""
    store = LocalStore(tmp_path)
    store.put(head_key(3), b'{"bundle":"","origin":"","root":"","size":4}')
    store.put(head_key(4), b'{"size":4}')
    for size in (3, 4):
        with pytest.raises(BadFormat):
            journal.read_head(store, size)
    with pytest.raises(BlobNotFound):
        journal.read_head(store, 5)
    assert journal.stored_sizes(store) == [3, 4]


def test_batches_that_disagree_are_not_guessed(tmp_path: Path) -> None:
    """Of two batches that may follow the same log none is put in place; one alone is; another journal's tiles refuse it."""
    store = LocalStore(tmp_path)
    batches = [Staged(0, 1, b"", ((log_key("tile/0/000.p/1"), b"%d" % at), (head_key(1), b"h"))) for at in range(2)]
    for at, batch in enumerate(batches):
        store.put(log_staged_key(Sha256(f"{at}" * 64)), msgspec.msgpack.encode(batch))
    journal.complete_staged(store)
    assert journal.stored_sizes(store) == []
    store.delete(log_staged_key(Sha256("1" * 64)))
    journal.complete_staged(store)
    assert (journal.stored_sizes(store), store.get(log_key("tile/0/000.p/1"))) == ([1], b"0")
    with pytest.raises(BadProof):
        journal.put_objects(store, batches[1])
