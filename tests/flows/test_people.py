"""What others may know about users and organisations."""

from __future__ import annotations

import pytest
from tests.support.nodes import new_repo

from hanse.errors import NotFoundError
from hanse.flows.accounts import create_org, set_member
from hanse.flows.node import Node
from hanse.flows.people import members, overview
from hanse.model.actor import Actor
from hanse.model.repo import Visibility


def test_counts_hide_what_the_caller_may_not_see(node: Node, alice: Actor, bob: Actor) -> None:
    """Private repositories are counted for their own people only."""
    new_repo(node, alice, "alice/open")
    new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    assert overview(node, bob, "ALICE", "user").models == 1
    assert overview(node, alice, "alice", "user").models == 2
    with pytest.raises(NotFoundError):
        overview(node, bob, "alice", "org")


def test_members_are_shown_to_members(node: Node, alice: Actor, bob: Actor) -> None:
    """Who belongs to an organisation is for its members to know; how many, for everybody."""
    create_org(node.db, node.clock, "uni", owner="alice")
    set_member(node.db, "uni", "bob", "read")
    inside = Actor(alice.account_id, "alice", role="write", orgs={"uni": "admin"})
    assert [one.name for one in members(node, inside, "uni")] == ["alice", "bob"]
    with pytest.raises(NotFoundError):
        members(node, bob, "uni")
    assert overview(node, bob, "uni", "org").users == 2
    assert [org.name for org in overview(node, bob, "alice", "user").orgs] == ["uni"]
