"""Files of the committed log: every width, also of a batch whose files are not in place yet."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.faults import FaultyStore
from tests.support.nodes import add_user, commit, make_node, new_repo, running

from hanse.db.engine import Database
from hanse.errors import BlobNotFound, StorageError
from hanse.flows.logfiles import LogFiles
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.store.local import LocalStore
from hanse.tlog.hashing import EMPTY_ROOT, Frontier, leaf_hash
from hanse.tlog.tiles import TileName, parse_bundle, parse_tile


def _check(node: Node, files: LogFiles) -> None:
    """Fail unless every file of every size up to the head is there and right."""
    size = files.head().size
    entries = node.log.leaves(0, size)
    for width in range(1, size + 1):
        assert parse_bundle(files.read(TileName(None, 0, width)), width) == tuple(entries[:width])
        assert parse_tile(files.read(TileName(0, 0, width)), width) == tuple(map(leaf_hash, entries[:width]))
        assert files.root(width) == Frontier().append(map(leaf_hash, entries[:width])).root
    with pytest.raises(BlobNotFound):
        files.read(TileName(0, 0, size + 1))


def test_every_size_has_its_files(node: Node, alice: Actor) -> None:
    """Partial files of sizes that the log has passed are read from the wider ones that replaced them."""
    repo = new_repo(node, alice, "alice/m")
    for number in range(3):
        commit(node, alice, repo, PutBytes("a", b"%d" % number))
    _check(node, node.log.files)
    with pytest.raises(BlobNotFound):
        node.log.files.read(TileName(1, 0, 1))


def test_nothing_is_in_an_empty_log(database: Database, tmp_path: Path) -> None:
    """Before the first leaf there is a head, and no file."""
    files = LogFiles(database, LocalStore(tmp_path / "data"))
    assert (files.head().size, files.root(0)) == (0, EMPTY_ROOT)
    for name in (TileName(None, 0, 1), TileName(0, 0, 1)):
        with pytest.raises(BlobNotFound):
            files.read(name)
    with pytest.raises(BlobNotFound):
        files.root(1)


@pytest.mark.parametrize("at", range(2, 5))
def test_files_of_a_batch_at_hand_are_there(database: Database, tmp_path: Path, at: int) -> None:
    """Once a batch is committed its files can be read, whichever of them could not be put in place yet."""
    data = tmp_path / "data"
    with running(make_node(database, data)) as node:
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m")
    before = node.log.size
    faulty = make_node(database, data, store=FaultyStore(LocalStore(data), at))
    faulty.sequencer.start()
    with suppress(StorageError):
        commit(faulty, alice, repo, PutBytes("a", b"1"))
    faulty.sequencer.stop()
    assert node.log.size > before
    _check(node, node.log.files)
