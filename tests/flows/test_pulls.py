"""Pull requests: opening, committing, merging, conflicts."""

from __future__ import annotations

import pytest
from tests.support.nodes import MAIN, add_user, commit, new_repo

from hanse.db.repos import Repo
from hanse.errors import BadCommit, Conflict, InputError, NotAllowed
from hanse.flows import access, discussions, pulls, refs
from hanse.flows.commits import Target
from hanse.flows.commits import commit as commit_to
from hanse.flows.node import Node
from hanse.flows.publish import CommitRequest, DeleteFile, Operation, PutBytes, PutFile
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.repo import RefName, branch_ref, pull_ref


def _text(node: Node, repo: Repo, rev: str = "main") -> dict[str, int]:
    found = access.resolve_revision(node, repo, rev)
    return {
        entry.path: entry.size
        for entry in node.listings.get(node.store, found.object).directory.entries()
        if entry.path != ".gitattributes"
    }


def _pull(node: Node, actor: Actor, repo: Repo, *operations: Operation, target: RefName = MAIN) -> int:
    made = commit_to(node, actor, repo, Target(target, pull_request=True), CommitRequest("change", "why", None, operations))
    assert made.pull is not None
    return made.pull


def test_a_reader_proposes_and_the_owner_merges(node: Node, alice: Actor, bob: Actor) -> None:
    """A commit with create_pr leaves main alone until the owner merges it, and the thread tells the story."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a", b"1"), PutBytes("gone", b"1"))
    num = _pull(node, bob, repo, PutBytes("b", b"22"), DeleteFile("gone"))
    assert _text(node, repo) == {"a": 1, "gone": 1}
    assert _text(node, repo, f"refs/pr/{num}") == {"a": 1, "b": 2}
    commit(node, alice, repo, PutBytes("c", b"333"))
    with pytest.raises(NotAllowed):
        pulls.merge_pull(node, bob, repo, num, "")
    merged = pulls.merge_pull(node, alice, repo, num, "thanks")
    assert _text(node, repo) == {"a": 1, "b": 2, "c": 3}
    thread = discussions.thread(node, repo, num)
    assert (thread.discussion.status, thread.discussion.merged) == ("merged", merged.rev)
    assert [event.type for event in thread.events] == ["comment", "commit", "comment", "status-change"]
    for again in (lambda: pulls.merge_pull(node, alice, repo, num, ""), lambda: _more(node, bob, repo, num)):
        with pytest.raises(Conflict):
            again()
    with pytest.raises(Conflict):
        discussions.set_status(node, alice, repo, num, "open", text="")


def _more(node: Node, actor: Actor, repo: Repo, num: int) -> None:
    commit_to(node, actor, repo, Target(pull_ref(num)), CommitRequest("more", "", None, (PutBytes("z", b"1"),)))


def test_conflicts_are_named_and_nothing_is_merged(node: Node, alice: Actor, bob: Actor) -> None:
    """A file that both sides changed differently stops the merge."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a", b"1"), PutBytes("same", b"1"))
    num = _pull(node, bob, repo, PutBytes("a", b"22"), PutBytes("same", b"both"), PutBytes("new", b"1"))
    head = commit(node, alice, repo, PutBytes("a", b"333"), PutBytes("same", b"both"))
    state = pulls.state(node, repo, discussions.thread(node, repo, num).discussion)
    assert state.conflicts == ("a",)
    assert "diff --git a/new b/new" in state.diff
    with pytest.raises(Conflict, match="a"):
        pulls.merge_pull(node, alice, repo, num, "")
    assert access.resolve_revision(node, repo, "main").rev == head.rev


def test_another_branch_may_be_the_target(node: Node, alice: Actor) -> None:
    """A pull request made for a branch is merged there and not on main."""
    repo = new_repo(node, alice, "alice/m")
    refs.create_branch(node, alice, repo, "dev/x")
    num = _pull(node, alice, repo, PutBytes("b", b"1"), target=branch_ref("dev/x"))
    pulls.merge_pull(node, alice, repo, num, "")
    assert _text(node, repo, "dev/x") == {"b": 1}
    assert _text(node, repo) == {}


def test_only_its_author_and_writers_commit_to_a_pull_request(node: Node, alice: Actor, bob: Actor) -> None:
    """A stranger cannot add to somebody else's pull request; its author and the repository's writers can."""
    repo = new_repo(node, alice, "alice/m")
    num = _pull(node, bob, repo, PutBytes("b", b"1"))
    with pytest.raises(NotAllowed):
        _more(node, add_user(node, "carol"), repo, num)
    _more(node, bob, repo, num)
    _more(node, alice, repo, num)
    discussions.set_status(node, bob, repo, num, "closed", text="")
    with pytest.raises(Conflict):
        _more(node, bob, repo, num)


def test_a_refused_first_commit_leaves_no_open_request(node: Node, alice: Actor, bob: Actor) -> None:
    """What a commit with create_pr opened is closed again if the commit cannot be made."""
    repo = new_repo(node, alice, "alice/m")
    with pytest.raises(BadCommit):
        _pull(node, bob, repo, PutFile("x", Sha256("ab" * 32)))
    assert discussions.thread(node, repo, 1).discussion.status == "closed"


def test_a_discussion_is_no_pull_request(node: Node, alice: Actor) -> None:
    """A plain discussion cannot be merged or committed to."""
    repo = new_repo(node, alice, "alice/m")
    num = discussions.open_discussion(node, alice, repo, "t", "")
    with pytest.raises(InputError):
        pulls.merge_pull(node, alice, repo, num, "")
    with pytest.raises(InputError):
        _more(node, alice, repo, num)
