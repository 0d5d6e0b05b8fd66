"""Threads: who may open, comment, rename and close them, and what they keep."""

from __future__ import annotations

import pytest
from tests.support.nodes import add_user, new_repo

from hanse.db.repos import Repo
from hanse.errors import BadFormat, Conflict, NotAllowed, NotAuthenticated, NotFoundError, TooLarge
from hanse.flows import discussions
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS, Actor


def _nums(node: Node, repo: Repo, **filters: str) -> list[int]:
    wanted = {"kind": "", "status": "", "author": ""} | filters
    return [one.num for one in discussions.list_discussions(node, repo, limit=10, skip=0, **wanted)[0]]


def test_a_thread_keeps_all_events_in_order(node: Node, alice: Actor, bob: Actor) -> None:
    """Comments, title and status changes are all there, in the order in which they happened."""
    repo = new_repo(node, alice, "alice/m")
    num = discussions.open_discussion(node, bob, repo, "A  title", "first")
    discussions.comment(node, alice, repo, num, "second")
    discussions.retitle(node, bob, repo, num, "Another")
    discussions.set_status(node, alice, repo, num, "closed", text="done")
    found = discussions.thread(node, repo, num)
    assert [event.type for event in found.events] == ["comment", "comment", "title-change", "comment", "status-change"]
    assert found.events[2].data == {"from": "A title", "to": "Another"}
    assert (found.discussion.status, found.discussion.title, found.discussion.author) == ("closed", "Another", "bob")


def test_filters(node: Node, alice: Actor, bob: Actor) -> None:
    """Lists filter by type, status and author, newest first, and count what fits."""
    repo = new_repo(node, alice, "alice/m")
    one = discussions.open_discussion(node, alice, repo, "one", "")
    two = discussions.open_discussion(node, bob, repo, "two", "")
    discussions.set_status(node, alice, repo, one, "closed", text="")
    assert _nums(node, repo) == [two, one] == [2, 1]
    assert _nums(node, repo, status="open") == [two]
    assert _nums(node, repo, status="closed", author="ALICE") == [one]
    assert _nums(node, repo, kind="pull_request") == []
    assert discussions.list_discussions(node, repo, kind="all", status="all", author="", limit=1, skip=1)[1] == 2
    with pytest.raises(BadFormat):
        _nums(node, repo, status="draft")


def test_edits_keep_history_and_hiding_removes_it(node: Node, alice: Actor, bob: Actor) -> None:
    """Only its author edits a comment; hiding, also by the repository's writers, takes every version away."""
    repo = new_repo(node, alice, "alice/m")
    num = discussions.open_discussion(node, bob, repo, "t", "v1")
    event = discussions.thread(node, repo, num).events[0]
    with pytest.raises(NotAllowed):
        discussions.edit_comment(node, alice, repo, num, event.id, text="mine")
    edited = discussions.edit_comment(node, bob, repo, num, event.id, text="v2")
    assert (edited.data["raw"], [one["raw"] for one in edited.data["history"]]) == ("v2", ["v1"])
    with pytest.raises(NotAllowed):
        discussions.hide_comment(node, add_user(node, "carol"), repo, num, event.id)
    discussions.hide_comment(node, alice, repo, num, event.id)
    hidden = discussions.thread(node, repo, num).events[0].data
    assert hidden["hidden"]
    assert "v1" not in str(hidden)
    assert "v2" not in str(hidden)
    with pytest.raises(Conflict):
        discussions.edit_comment(node, bob, repo, num, event.id, text="v3")


def test_strangers_and_readers_change_nothing(node: Node, alice: Actor, bob: Actor) -> None:
    """Without an account, with a read token, or in somebody else's thread, nothing can be changed."""
    repo = new_repo(node, alice, "alice/m")
    num = discussions.open_discussion(node, alice, repo, "t", "")
    with pytest.raises(NotAuthenticated):
        discussions.comment(node, ANONYMOUS, repo, num, "x")
    with pytest.raises(NotAllowed):
        discussions.comment(node, Actor(bob.account_id, "bob", role="read"), repo, num, "x")
    with pytest.raises(NotAllowed):
        discussions.retitle(node, bob, repo, num, "mine")
    with pytest.raises(NotAllowed):
        discussions.set_status(node, bob, repo, num, "closed", text="")


def test_a_comment_is_found_only_in_its_own_thread(node: Node, alice: Actor, bob: Actor) -> None:
    """A comment's id opens nothing in another thread or repository."""
    repo, other = new_repo(node, alice, "alice/m"), new_repo(node, bob, "bob/m")
    num = discussions.open_discussion(node, alice, repo, "t", "text")
    event = discussions.thread(node, repo, num).events[0]
    theirs = discussions.open_discussion(node, bob, other, "t", "")
    with pytest.raises(NotFoundError):
        discussions.hide_comment(node, bob, other, theirs, event.id)
    with pytest.raises(NotFoundError):
        discussions.thread(node, repo, 99)


def test_bounds(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Titles, comments and whole threads are bounded, and empty ones refused."""
    repo = new_repo(node, alice, "alice/m")
    for title in ("", "   ", "x" * 501):
        with pytest.raises((BadFormat, TooLarge)):
            discussions.open_discussion(node, alice, repo, title, "")
    num = discussions.open_discussion(node, alice, repo, "t", "")
    for text in ("", "x" * 65_537):
        with pytest.raises((BadFormat, TooLarge)):
            discussions.comment(node, alice, repo, num, text)
    monkeypatch.setattr(discussions, "MAX_THREAD_BYTES", 1000)
    with pytest.raises(TooLarge):
        discussions.comment(node, alice, repo, num, "x" * 1000)
    monkeypatch.setattr(discussions, "MAX_EVENTS", 1)
    with pytest.raises(TooLarge):
        discussions.comment(node, alice, repo, num, "x")
