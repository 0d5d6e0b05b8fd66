"""Positions: what is queued counts before what is applied."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import Connection
from tests.support.nodes import MAIN, commit, new_repo

from hanse.db import leaves, repos
from hanse.db.repos import Repo
from hanse.errors import Busy, RepoNotFound
from hanse.flows import chains
from hanse.flows.chains import Position
from hanse.flows.effects import Delete
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.digest import NO_GIT_OID, NO_SHA256
from hanse.model.ref_leaf import RepoOp
from hanse.model.repo import RefName, Visibility


def test_queued_position_is_newer(node: Node, alice: Actor) -> None:
    """A commit is made on the newest queued one, and both arrive in order."""
    repo = new_repo(node, alice, "alice/m")
    node.sequencer.stop()
    hasty = replace(node, limits=replace(node.limits, publish_timeout_seconds=0))
    with pytest.raises(Busy):
        commit(hasty, alice, repo, PutBytes("a", b"1"))
    with node.db.read() as conn:
        queued = chains.newest(conn, repo.id, MAIN)
        nothing = chains.newest(conn, repo.id, RefName("refs/heads/dev"))
        assert chains.ref_names(conn, repo.id) == [MAIN]
    assert (queued.seq, queued.there, queued.pending is None) == (2, True, False)
    assert nothing == Position(RefName("refs/heads/dev"), 0, NO_GIT_OID, NO_SHA256, NO_SHA256)
    node.sequencer.start()
    assert commit(node, alice, repo, PutBytes("b", b"1"), parent=queued.rev).seq == 3


def test_changes_wait_for_the_repository_to_settle(node: Node, alice: Actor) -> None:
    """A change behind a queued deletion waits for it, and then finds no repository."""
    repo = new_repo(node, alice, "alice/m")

    def delete(conn: Connection, locked: Repo) -> int:
        leaf = chains.repo_leaf(locked.repo, locked.salt, RepoOp.DELETE, None, 5)
        return chains.queue_repo(conn, locked.id, leaf, Delete("retired"), 5).pending

    pending = chains.change_repo(node, repo, delete)
    with pytest.raises(RepoNotFound):
        chains.change_repo(node, repo, delete)
    with node.db.read() as conn:
        index, found = leaves.index_of(conn, pending), repos.get(conn, repo.id)
    assert index == node.log.size - 2  # the snapshot without its refs is the last
    assert found is not None
    assert found.state == "retired"


def test_turns(node: Node, alice: Actor) -> None:
    """Commits to one repository take turns; who waits too long is told to come back."""
    repo = new_repo(node, alice, "alice/m")
    hasty = replace(node, limits=replace(node.limits, publish_timeout_seconds=0))
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with chains.turn(node, repo):
            inside.set()
            leave.wait(120)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(120)
    with pytest.raises(Busy), chains.turn(hasty, repo):
        pytest.fail("two at once")
    leave.set()
    thread.join()


def test_salts(node: Node) -> None:
    """Every epoch that is not public has a salt of its own."""
    assert chains.new_salt(Visibility.PUBLIC) is None
    salts = {chains.new_salt(each) for each in (Visibility.PRIVATE, Visibility.FEDERATION)}
    assert [len(salt or b"") for salt in salts] == [32, 32]
