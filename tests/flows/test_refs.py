"""Branches, tags and squashing: chains that go on, states that follow."""

from __future__ import annotations

import pytest
from tests.support.nodes import commit, new_repo

from hanse.db import revisions
from hanse.errors import BadRepoId, Conflict, NotAllowed, RevisionNotFound, TooLarge
from hanse.flows import access, refs
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.repo import RefName, Visibility

DEV = RefName("refs/heads/dev")


def _state(node: Node, repo_id: int, rev: str) -> str:
    with node.db.read() as conn:
        found = revisions.get(conn, repo_id, rev)
    assert found is not None
    return found.state


@pytest.mark.parametrize("visibility", [Visibility.PUBLIC, Visibility.PRIVATE])
def test_branch_life(node: Node, alice: Actor, visibility: Visibility) -> None:
    """A branch starts where it is told, takes commits, and when it is deleted what only it reached is retired."""
    repo = new_repo(node, alice, "alice/m", visibility)
    start = access.resolve_revision(node, repo, "main").rev
    main = commit(node, alice, repo, PutBytes("a", b"1")).rev
    refs.create_branch(node, alice, repo, "dev", start)
    assert access.resolve_revision(node, repo, "dev").rev == start
    tip = commit(node, alice, repo, PutBytes("b", b"2"), ref=DEV).rev
    with pytest.raises(Conflict):
        refs.create_branch(node, alice, repo, "dev")
    refs.delete_branch(node, alice, repo, "dev")
    assert [_state(node, repo.id, rev) for rev in (start, main, tip)] == ["live", "live", "retired"]
    with pytest.raises(RevisionNotFound):
        access.resolve_revision(node, repo, "dev")
    assert access.resolve_revision(node, repo, tip).state == "retired"
    refs.create_branch(node, alice, repo, "dev", tip)
    assert _state(node, repo.id, tip) == "live"
    with node.db.read() as conn:
        row = revisions.ref(conn, repo.id, DEV)
    assert row is not None
    assert row.seq == 4, "the chain of a deleted branch goes on"


def test_main_is_protected(node: Node, alice: Actor) -> None:
    """The branch main cannot be deleted."""
    with pytest.raises(NotAllowed):
        refs.delete_branch(node, alice, new_repo(node, alice, "alice/m"), "main")


def test_tags(node: Node, alice: Actor, bob: Actor) -> None:
    """A tag keeps its commit and message while the branch moves on; it exists once; names are git's."""
    repo = new_repo(node, alice, "alice/m")
    rev = access.resolve_revision(node, repo, "main").rev
    refs.create_tag(node, alice, repo, "v1", "main", message="first\nrelease")
    commit(node, alice, repo, PutBytes("a", b"1"))
    lists = refs.list_refs(node, repo)
    assert [(tag.ref, tag.rev, tag.message) for tag in lists.tags] == [("refs/tags/v1", rev, "first\nrelease")]
    assert [branch.ref for branch in lists.branches] == ["refs/heads/main"]
    with pytest.raises(Conflict):
        refs.create_tag(node, alice, repo, "v1", "main")
    with pytest.raises(BadRepoId):
        refs.create_tag(node, alice, repo, "a..b", "main")
    with pytest.raises(RevisionNotFound):
        refs.create_tag(node, alice, repo, "v2", "nothing")
    with pytest.raises(NotAllowed):
        refs.create_tag(node, bob, repo, "v2", "main")
    with pytest.raises(TooLarge):
        refs.create_tag(node, alice, repo, "v2", "main", message="x" * 4097)
    refs.delete_tag(node, alice, repo, "v1")
    with pytest.raises(RevisionNotFound):
        refs.delete_tag(node, alice, repo, "v1")


def test_super_squash(node: Node, alice: Actor) -> None:
    """Squashing leaves one root commit with the same files; what a tag still reaches stays live, the rest is retired."""
    repo = new_repo(node, alice, "alice/m")
    tagged = commit(node, alice, repo, PutBytes("a", b"1")).rev
    refs.create_tag(node, alice, repo, "keep", tagged)
    lost = commit(node, alice, repo, PutBytes("a", b"2"))
    done = refs.super_squash(node, alice, repo, "main", "one commit")
    found = access.resolve_revision(node, repo, "main")
    assert (found.rev, found.parent, found.tree, found.title) == (done.rev, None, lost.tree, "one commit")
    assert [_state(node, repo.id, rev) for rev in (tagged, lost.rev)] == ["live", "retired"]
    commit(node, alice, repo, PutBytes("b", b"3"))
    with pytest.raises(RevisionNotFound):
        refs.super_squash(node, alice, repo, "dev")
