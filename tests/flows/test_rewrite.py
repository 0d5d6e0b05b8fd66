"""Taking files out of history: every ref moves over, what stays keeps its id, what went is retired."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from tests.support.nodes import MAIN, commit, new_repo

from hanse.db import discussions, revisions
from hanse.db.repos import Repo
from hanse.errors import NotAllowed, NotFoundError, TooLarge
from hanse.flows import access, lfs, lfs_files, pulls, refs, rewrite
from hanse.flows.history import list_commits
from hanse.flows.lfs import Wanted
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes, PutFile
from hanse.model.actor import Actor
from hanse.model.digest import Sha256

BIG = random.Random(2).randbytes(200_000)
OTHER = random.Random(3).randbytes(100_000)


def _upload(node: Node, actor: Actor, repo: Repo, data: bytes) -> Sha256:
    digest = Sha256(sha256(data).hexdigest())
    with lfs.open_ingest(node, repo.id, lfs.holder_of(actor), Wanted(digest, len(data)), len(data)) as ingest:
        ingest.feed(data)
        ingest.finish()
    return digest


def _paths(node: Node, repo: Repo, rev: str) -> list[str]:
    found = access.resolve_revision(node, repo, rev)
    return [entry.path for entry in node.listings.get(node.store, found.object).directory.entries()][1:]


def test_history_without_the_file(node: Node, alice: Actor, bob: Actor) -> None:
    """All refs lead to commits without the file; commits before it keep their ids, titles and authors stay."""
    repo = new_repo(node, alice, "alice/m")
    before = commit(node, alice, repo, PutBytes("a", b"1"))
    digest, other = _upload(node, alice, repo, BIG), _upload(node, alice, repo, OTHER)
    bad = commit(node, alice, repo, PutFile("big.bin", digest), PutFile("other.bin", other))
    refs.create_tag(node, alice, repo, "v1", "main", message="first")
    refs.create_branch(node, alice, repo, "dev")
    commit(node, alice, repo, PutBytes("b", b"2"))
    num = pulls.open_pull(node, bob, repo, "t", "", status="open")
    with pytest.raises(NotAllowed):
        rewrite.remove_files(node, bob, repo, [digest])
    rewrite.remove_files(node, alice, repo, [digest])
    assert _paths(node, repo, "main") == ["a", "b", "other.bin"]
    assert _paths(node, repo, "v1") == _paths(node, repo, "dev") == ["a", "other.bin"]
    assert _paths(node, repo, f"refs/pr/{num}") == ["a", "b", "other.bin"]
    commits, _ = list_commits(node, repo, "main", 10)
    assert [one.title for one in commits] == ["change", "change", "change", "initial commit"]
    assert commits[2].rev == before.rev
    assert {one.state for one in commits} == {"live"}
    with node.db.read() as conn:
        assert revisions.get(conn, repo.id, bad.rev).state == "retired"  # type: ignore[union-attr]
        assert revisions.ref(conn, repo.id, "refs/tags/v1").message == "first"  # type: ignore[union-attr]
        assert discussions.find(conn, repo.id, num).base == commits[0].rev  # type: ignore[union-attr]
    commit(node, alice, repo, PutBytes("c", b"3"))
    assert pulls.merge_pull(node, alice, repo, num, "").rev == access.resolve_revision(node, repo, "main").rev


def test_an_earlier_file_changes_every_commit(node: Node, alice: Actor) -> None:
    """A file put and removed again long ago is in no commit afterwards."""
    repo = new_repo(node, alice, "alice/m")
    digest = _upload(node, alice, repo, BIG)
    commit(node, alice, repo, PutFile("big.bin", digest), PutFile("copy.bin", digest))
    for number in range(4):
        commit(node, alice, repo, PutBytes("n", bytes([number])))
    rewrite.remove_files(node, alice, repo, [digest])
    for one in list_commits(node, repo, "main", 10)[0]:
        assert "big.bin" not in _paths(node, repo, one.rev)
    commit(node, alice, repo, PutBytes("n", b"x"))
    assert _paths(node, repo, "main") == ["n"]


def test_unknown_files_and_long_histories_are_refused(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not here, or a history beyond the bound, changes nothing."""
    repo = new_repo(node, alice, "alice/m")
    digest = _upload(node, alice, repo, BIG)
    head = commit(node, alice, repo, PutFile("big.bin", digest))
    with pytest.raises(NotFoundError):
        rewrite.remove_files(node, alice, repo, [Sha256("ab" * 32)])
    monkeypatch.setattr(rewrite, "MAX_COMMITS", 1)
    with pytest.raises(TooLarge):
        rewrite.remove_files(node, alice, repo, [digest])
    assert access.resolve_revision(node, repo, MAIN).rev == head.rev


def test_listing_names_files_of_all_revisions(node: Node, alice: Actor, bob: Actor) -> None:
    """Files of heads come with their ref, deleted ones with the name they had; pages follow each other."""
    repo = new_repo(node, alice, "alice/m")
    digest, other = _upload(node, alice, repo, BIG), _upload(node, alice, repo, OTHER)
    commit(node, alice, repo, PutFile("old.bin", digest))
    refs.super_squash(node, alice, repo, "main")
    commit(node, alice, repo, PutFile("new.bin", other), PutBytes("small", b"1"))
    found = lfs_files.list_large_files(node, alice, repo, after=0, limit=10)
    assert [(one.name, one.ref, one.held.size) for one in found] == [
        ("old.bin", MAIN, len(BIG)),
        ("new.bin", MAIN, len(OTHER)),
    ]
    assert lfs_files.list_large_files(node, alice, repo, after=found[0].held.id, limit=10) == found[1:]
    rewrite.remove_files(node, alice, repo, [digest])
    gone = lfs_files.list_large_files(node, alice, repo, after=0, limit=1)[0]
    assert (gone.name, gone.ref) == ("old.bin", None)
    with pytest.raises(NotAllowed):
        lfs_files.list_large_files(node, bob, repo, after=0, limit=10)
