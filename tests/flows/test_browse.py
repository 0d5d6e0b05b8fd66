"""Looking into repositories: revisions, commits and what they changed."""

from __future__ import annotations

import pytest
from tests.support.nodes import commit, new_repo

from hanse.db.search import Query
from hanse.errors import RevisionNotFound
from hanse.flows import browse
from hanse.flows.access import visible_repos_clause
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, PutBytes
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import RepoType, Visibility


def test_what_a_commit_changed(node: Node, alice: Actor) -> None:
    """Added, changed and removed files are told apart, by path; a bound says that there are more."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a", b"1"), PutBytes("b", b"1"))
    commit(node, alice, repo, PutBytes("a", b"2"), DeleteFile("b"), PutBytes("c", b"1"))
    revision, _ = browse.read_revision(node, repo, "main")
    changed, complete = browse.changes(node, repo, revision, 10)
    assert [(path, before is None, after is None) for path, before, after in changed] == [
        ("a", False, False),
        ("b", False, True),
        ("c", True, False),
    ]
    assert complete
    assert browse.changes(node, repo, revision, 2)[1] is False


def test_the_first_commit_added_everything(node: Node, alice: Actor) -> None:
    """A root commit is compared with nothing."""
    repo = new_repo(node, alice, "alice/m")
    revision, listing = browse.read_revision(node, repo, "main")
    changed, _ = browse.changes(node, repo, revision, 10)
    assert [path for path, before, _ in changed if before is None] == [entry.path for entry in listing.directory.entries()]


def test_pages_of_commits(node: Node, alice: Actor) -> None:
    """Commits come newest first, page after page."""
    repo = new_repo(node, alice, "alice/m")
    revs = [commit(node, alice, repo, PutBytes("a", b"%d" % step)).rev for step in range(3)]
    found = [browse.commit_page(node, repo, revs[-1], 2, skip)[0].rev for skip in (0, 1, 2)]
    assert found == revs[::-1]


def test_unknown_revisions(node: Node, alice: Actor) -> None:
    """A name that means nothing is refused as the clients expect."""
    with pytest.raises(RevisionNotFound, match="Invalid rev id"):
        browse.read_revision(node, new_repo(node, alice, "alice/m"), "nope")


def test_lists_hold_what_the_caller_may_see(node: Node, alice: Actor, bob: Actor) -> None:
    """Private repositories are neither listed nor counted for others."""
    new_repo(node, alice, "alice/open")
    new_repo(node, alice, "alice/shut", Visibility.PRIVATE)
    for actor, expected in ((ANONYMOUS, ["open"]), (bob, ["open"]), (alice, ["open", "shut"])):
        rows = browse.find_repos(node, Query(RepoType.MODEL, visible_repos_clause(actor)))
        assert sorted(row.name for row in rows) == expected
        assert browse.count_repos(node, actor, RepoType.MODEL) == len(expected)
