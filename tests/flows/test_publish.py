"""Commits through the journal, one after another and many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pytest
from tests.support.nodes import commit, new_repo

from hanse.db import revisions
from hanse.errors import (
    BadCommit,
    BadPath,
    EntryNotFound,
    NotAllowed,
    NotAuthenticated,
    QuotaExceeded,
    RevisionNotFound,
    StaleParent,
    TooLarge,
)
from hanse.flows import access
from hanse.flows.accounts import set_quota
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, DeleteFolder, PutBytes, PutFile
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import GitOid, Sha256
from hanse.model.leaf import parse_leaf
from hanse.model.ref_leaf import RefLeaf
from hanse.model.repo import RefName, Visibility


def _files(node: Node, repo_id: int, rev: str = "main") -> dict[str, int]:
    with node.db.read() as conn:
        found = revisions.resolve(conn, repo_id, rev)
    assert found is not None
    return {entry.path: entry.size for entry in node.listings.get(node.store, found.object).directory.entries()}


def test_commit_is_seen_at_once(node: Node, alice: Actor) -> None:
    """When publish returns, main is the new commit, and the journal has its leaf."""
    repo = new_repo(node, alice, "alice/m")
    done = commit(node, alice, repo, PutBytes("a.txt", b"one"), PutBytes("d/b.txt", b"two"))
    found = access.resolve_revision(node, repo, "main")
    assert (found.rev, found.tree, done.seq) == (done.rev, done.tree, 2)
    assert done.index is not None
    leaf = parse_leaf(node.log.leaf(done.index))
    assert isinstance(leaf, RefLeaf)
    assert (leaf.rev, leaf.seq) == (done.rev, 2)
    assert _files(node, repo.id) == {".gitattributes": 1519, "a.txt": 3, "d/b.txt": 3}


def test_operations_apply_in_order(node: Node, alice: Actor) -> None:
    """A folder deleted first and filled again keeps only what came after; a file put twice has its last content."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("d/a", b"1"), PutBytes("d/b", b"2"))
    commit(node, alice, repo, DeleteFolder("d"), PutBytes("d/a", b"333"), PutBytes("d/c", b"4"), PutBytes("d/c", b"44"))
    assert _files(node, repo.id) == {".gitattributes": 1519, "d/a": 3, "d/c": 2}
    commit(node, alice, repo, PutBytes("x", b"1"), DeleteFile("x"), DeleteFile("d/a"), PutBytes("d/c/e", b"5"), DeleteFile("d/c"))


def test_commit_without_change_makes_none(node: Node, alice: Actor) -> None:
    """A commit that leaves every file as it is returns the head and logs nothing."""
    repo = new_repo(node, alice, "alice/m")
    first = commit(node, alice, repo, PutBytes("a", b"1"))
    again = commit(node, alice, repo, PutBytes("a", b"1"), PutBytes("b", b"2"), DeleteFile("b"))
    assert (again.rev, again.seq, again.index) == (first.rev, first.seq, None)


def test_stale_parent_is_refused(node: Node, alice: Actor) -> None:
    """A commit made against a head that has moved is refused; against the present one it goes through."""
    repo = new_repo(node, alice, "alice/m")
    first = commit(node, alice, repo, PutBytes("a", b"1"))
    second = commit(node, alice, repo, PutBytes("a", b"2"), parent=first.rev)
    with pytest.raises(StaleParent):
        commit(node, alice, repo, PutBytes("a", b"3"), parent=first.rev)
    commit(node, alice, repo, PutBytes("a", b"3"), parent=second.rev)


def test_racing_commits_lose_nothing(node: Node, alice: Actor) -> None:
    """Commits of many threads to one branch all arrive: one chain, every file there."""
    repo = new_repo(node, alice, "alice/m")
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda number: commit(node, alice, repo, PutBytes(f"{number}", b"x")), range(18)))
    assert sorted(one.seq for one in done) == list(range(2, 20))
    assert len(_files(node, repo.id)) == 19
    with node.db.read() as conn:
        history = revisions.history(conn, repo.id, access.resolve_revision(node, repo, "main").rev, 100)
    assert len(history) == 19


def test_racing_commits_with_one_parent_let_one_through(node: Node, alice: Actor) -> None:
    """Of several commits against the same parent exactly one is accepted."""
    repo = new_repo(node, alice, "alice/m")
    parent = access.resolve_revision(node, repo, "main").rev

    def attempt(number: int) -> bool:
        try:
            commit(node, alice, repo, PutBytes("a", b"%d" % number), parent=parent)
        except StaleParent:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(6))) == 1


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (PutBytes("../a", b""), BadPath),
        (PutBytes("a/.git/b", b""), BadPath),
        (PutBytes(".gitattributes/a", b""), BadCommit),
        (DeleteFile("gone"), EntryNotFound),
        (DeleteFolder("gone"), EntryNotFound),
        (PutFile("a", Sha256("ab" * 32), 3), BadCommit),
    ],
)
def test_bad_operations_are_refused(node: Node, alice: Actor, operation: PutBytes, error: type[Exception]) -> None:
    """Traversal, files inside files, and deleting or claiming what is not there are refused and change nothing."""
    repo = new_repo(node, alice, "alice/m")
    with pytest.raises(error):
        commit(node, alice, repo, operation)
    assert len(_files(node, repo.id)) == 1


def test_claims_of_other_peoples_bytes(node: Node, alice: Actor, bob: Actor) -> None:
    """Who knows the SHA-256 of a private file cannot put it into his repository; of a public one he can."""
    secret = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    commit(node, alice, secret, PutBytes("a", b"hidden"))
    digest = Sha256(sha256(b"hidden").hexdigest())
    mine = new_repo(node, bob, "bob/m")
    with pytest.raises(BadCommit):
        commit(node, bob, mine, PutFile("a", digest))
    shown = new_repo(node, alice, "alice/shown")
    commit(node, alice, shown, PutFile("copy", digest))
    commit(node, bob, mine, PutFile("a", digest, 6))
    with pytest.raises(BadCommit):
        commit(node, bob, mine, PutFile("b", digest, 7))


def test_who_may_commit(node: Node, alice: Actor, bob: Actor) -> None:
    """Strangers, read tokens and anonymous callers may not commit; tags take no commits; missing branches are missing."""
    repo = new_repo(node, alice, "alice/m")
    with pytest.raises(NotAuthenticated):
        commit(node, ANONYMOUS, repo, PutBytes("a", b""))
    for actor in (bob, replace(alice, role="read")):
        with pytest.raises(NotAllowed):
            commit(node, actor, repo, PutBytes("a", b""))
    with pytest.raises(NotAllowed):
        commit(node, alice, repo, PutBytes("a", b""), ref=RefName("refs/tags/v1"))
    with pytest.raises(RevisionNotFound):
        commit(node, alice, repo, PutBytes("a", b""), ref=RefName("refs/heads/dev"))
    with pytest.raises(StaleParent):
        commit(node, alice, repo, PutBytes("a", b""), parent=GitOid("1" * 40))


def test_quota_refuses_before_anything_changes(node: Node, alice: Actor) -> None:
    """A commit that would exceed the namespace's quota is refused; bytes held already cost nothing again."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a", bytes(3000)))
    set_quota(node.db, "alice", 5000)
    with pytest.raises(QuotaExceeded):
        commit(node, alice, repo, PutBytes("b", b"\1" * 3000))
    commit(node, alice, repo, PutBytes("c", bytes(3000)), PutBytes("d", b"small"))
    set_quota(node.db, "alice", 10)
    commit(node, alice, repo, DeleteFile("d"))


def test_bounds(node: Node, alice: Actor) -> None:
    """A regular file and the number of operations of a commit are bounded."""
    small = replace(node, limits=replace(node.limits, max_regular_bytes=10, max_commit_operations=2))
    repo = new_repo(node, alice, "alice/m")
    with pytest.raises(TooLarge):
        commit(small, alice, repo, PutBytes("a", bytes(11)))
    with pytest.raises(TooLarge):
        commit(small, alice, repo, *[DeleteFile("a")] * 3)
