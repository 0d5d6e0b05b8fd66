"""Undoing deletions: everything is back under the old name, or nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
from tests.support.nodes import TickingClock, commit, model, new_repo
from tests.support.uploads import noise, upload

from hanse.db import leaves, repos, revisions
from hanse.db.repos import Repo
from hanse.errors import Busy, Conflict, NotFoundError, RepoNotFound
from hanse.flows import access
from hanse.flows.collect import collect
from hanse.flows.erase import erase_repo
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.refs import create_tag
from hanse.flows.repos import delete_repo
from hanse.flows.restore import find_deleted, restore_repo
from hanse.model.actor import Actor
from hanse.model.repo import Visibility

EVERY = pytest.mark.parametrize("visibility", [Visibility.PUBLIC, Visibility.PRIVATE])


def _deleted(node: Node, alice: Actor, path: str, visibility: Visibility = Visibility.PUBLIC) -> Repo:
    repo = new_repo(node, alice, path, visibility)
    commit(node, alice, repo, upload(node, alice, repo, "w.bin", noise(1)), PutBytes("a", b"1"))
    create_tag(node, alice, repo, "v1", "main", message="first")
    delete_repo(node, alice, repo)
    with node.db.read() as conn:
        found = repos.get(conn, repo.id)
    assert found is not None
    return found


@EVERY
def test_everything_is_back(node: Node, alice: Actor, visibility: Visibility) -> None:
    """Name, visibility, refs, revisions and files are as before, and commits go on; only the salt is new."""
    gone = _deleted(node, alice, "alice/M", visibility)
    assert gone.state == ("retired" if visibility is Visibility.PUBLIC else "withdrawn")
    back = restore_repo(node, find_deleted(node.db, model("ALICE/m")).id)
    assert (back.id, back.state, back.visibility, back.head) == (gone.id, "live", visibility, gone.head)
    assert (back.salt is None) == (visibility is Visibility.PUBLIC)
    assert back.salt is None or back.salt != gone.salt
    found = access.resolve(node, alice, model("alice/m"))
    assert found.repo.path == "alice/M"
    assert access.resolve_revision(node, found, "v1").rev == gone.head
    with node.db.read() as conn:
        assert {row.state for row in revisions.all_of(conn, back.id)} == {"live"}
    commit(node, alice, found, PutBytes("b", b"2"))
    with pytest.raises(Conflict, match="live"):
        restore_repo(node, back.id)


@EVERY
def test_what_was_restored_can_be_deleted_and_erased(node: Node, alice: Actor, visibility: Visibility) -> None:
    """A restored repository is one like any other, and so is its end."""
    repo = restore_repo(node, _deleted(node, alice, "alice/m", visibility).id)
    delete_repo(node, alice, repo)
    erase_repo(node, repo.id)
    assert list(node.store.list("xorbs/")) == []
    with pytest.raises(Conflict, match="erased"):
        restore_repo(node, repo.id)


def test_a_name_that_is_taken(node: Node, alice: Actor) -> None:
    """While another repository has the name nothing comes back, and the refusal says what to do."""
    gone = _deleted(node, alice, "alice/m")
    new_repo(node, alice, "alice/m")
    with pytest.raises(Conflict) as refused:
        restore_repo(node, gone.id)
    assert "move or delete" in (refused.value.hint or "")
    with node.db.read() as conn:
        found = repos.get(conn, gone.id)
    assert found == gone


def test_which_one_is_meant(node: Node, alice: Actor) -> None:
    """Of several repositories that had a name one has to be chosen by number; a live one is never meant."""
    first, second = _deleted(node, alice, "alice/m"), _deleted(node, alice, "alice/M", Visibility.PRIVATE)
    with pytest.raises(Conflict, match=rf"number {first.id} .*number {second.id} "):
        find_deleted(node.db, model("alice/m"))
    assert find_deleted(node.db, model("alice/m"), second.id).id == second.id
    live = new_repo(node, alice, "alice/other")
    with pytest.raises(Conflict) as refused:
        find_deleted(node.db, live.repo)
    assert refused.value.hint == "delete it first"
    for name, number in (("alice/other", live.id), ("alice/never", None)):
        with pytest.raises(NotFoundError):
            find_deleted(node.db, model(name), number)
    with pytest.raises(NotFoundError):
        restore_repo(node, 99)
    third = _deleted(node, alice, "alice/third")
    new_repo(node, alice, "alice/third")
    with pytest.raises(Conflict, match="has the name now"):
        find_deleted(node.db, third.repo)


def test_bytes_that_are_gone(node: Node, alice: Actor) -> None:
    """What collection let go of does not come back, not even in part."""
    gone = _deleted(node, alice, "alice/m")
    with node.db.write() as conn:
        revisions.set_state(conn, gone.id, [str(gone.head)], "erased", 5)
    with pytest.raises(Conflict, match="bytes of 1 revisions"):
        restore_repo(node, gone.id)


def test_collection_and_erasure_wait(node: Node, alice: Actor) -> None:
    """While the leaves of a restoration wait, nothing is collected or erased, and nobody sees the repository yet."""
    gone = _deleted(node, alice, "alice/m")
    node.sequencer.stop()
    with pytest.raises(Busy):
        restore_repo(replace(node, limits=replace(node.limits, publish_timeout_seconds=0)), gone.id)
    cast("TickingClock", node.clock).time += node.limits.retention_seconds + node.limits.garbage_seconds + 2 * 86400
    collect(node)
    with pytest.raises(Conflict):
        erase_repo(node, gone.id)
    with pytest.raises(RepoNotFound):
        access.resolve(node, alice, gone.repo)
    with node.db.read() as conn:
        waiting = leaves.waiting_of(conn, gone.id)
    node.sequencer.start()
    node.sequencer.wait(waiting[-1].id, 30)
    commit(node, alice, replace(gone, state="live"), PutBytes("b", b"2"))
    assert list(node.store.list("xorbs/"))
