"""Gated repositories: asking, handling, granting, and what it opens."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from tests.support.nodes import add_user, new_repo

from hanse.db import repos
from hanse.db.repos import Repo
from hanse.db.schema import accounts
from hanse.errors import BadFormat, GatedRepo, InputError, NotAllowed, NotAuthenticated, NotFoundError, TooLarge
from hanse.flows import access, gating
from hanse.flows.node import Node
from hanse.flows.repos import set_gated
from hanse.model.actor import ANONYMOUS, Actor


def _gated(node: Node, actor: Actor, mode: str) -> Repo:
    repo = new_repo(node, actor, "alice/gated")
    set_gated(node, actor, repo, mode)
    with node.db.read() as conn:
        found = repos.get(conn, repo.id)
    assert found is not None
    return found


def _list(node: Node, actor: Actor, repo: Repo, status: str) -> list[str]:
    return [one.name for one in gating.list_requests(node, actor, repo, status, limit=10, skip=0)]


def test_manual_gate_opens_only_by_its_owner(node: Node, alice: Actor, bob: Actor) -> None:
    """A request waits until the owner accepts it, and a cancelled one closes the repository again."""
    repo = _gated(node, alice, "manual")
    with pytest.raises(GatedRepo):
        access.require_read_bytes(node, bob, repo)
    assert gating.ask(node, bob, repo, {"reason": "research"}) == "pending"
    with pytest.raises(GatedRepo):
        access.require_read_bytes(node, bob, repo)
    assert _list(node, alice, repo, "pending") == ["bob"]
    gating.handle(node, alice, repo, user="BOB", request_id="", status="accepted", reason="")
    access.require_read_bytes(node, bob, repo)
    with pytest.raises(NotFoundError):
        gating.handle(node, alice, repo, user="bob", request_id="", status="accepted", reason="")
    found = gating.list_requests(node, alice, repo, "accepted", limit=10, skip=0)[0]
    gating.handle(node, alice, repo, user="", request_id=found.id, status="pending", reason="")
    with pytest.raises(GatedRepo):
        access.require_read_bytes(node, bob, repo)


def test_rejected_stays_rejected(node: Node, alice: Actor, bob: Actor) -> None:
    """Asking again does not undo a rejection, not even after the gate became automatic."""
    repo = _gated(node, alice, "manual")
    gating.ask(node, bob, repo, {})
    gating.handle(node, alice, repo, user="bob", request_id="", status="rejected", reason="no")
    assert gating.ask(node, bob, repo, {}) == "rejected"
    automatic = set_gated(node, alice, repo, "auto")
    assert gating.ask(node, bob, automatic, {}) == "rejected"


def test_automatic_gate_opens_at_once(node: Node, alice: Actor, bob: Actor) -> None:
    """In `auto` mode asking is enough, but somebody must ask under a name."""
    repo = _gated(node, alice, "auto")
    with pytest.raises(NotAuthenticated):
        gating.ask(node, ANONYMOUS, repo, {})
    assert gating.ask(node, bob, repo, {}) == "accepted"
    access.require_read_bytes(node, bob, repo)


def test_grant_needs_no_request(node: Node, alice: Actor, bob: Actor) -> None:
    """An owner may let a user in who did not ask; a second time, or an unknown user, is an error."""
    repo = _gated(node, alice, "manual")
    assert gating.grant(node, alice, repo, "bob").status == "accepted"
    access.require_read_bytes(node, bob, repo)
    with pytest.raises(InputError):
        gating.grant(node, alice, repo, "bob")
    with pytest.raises(NotFoundError):
        gating.grant(node, alice, repo, "nobody")


def test_only_owners_see_and_decide(node: Node, alice: Actor, bob: Actor) -> None:
    """Others neither list requests nor decide them, and writers who do not own the repository see no e-mail address."""
    repo = _gated(node, alice, "manual")
    gating.ask(node, bob, repo, {})
    for act in (
        lambda: _list(node, bob, repo, "pending"),
        lambda: gating.handle(node, bob, repo, user="bob", request_id="", status="accepted", reason=""),
        lambda: gating.grant(node, bob, repo, "bob"),
    ):
        with pytest.raises(NotAllowed):
            act()
    with node.db.write() as conn:
        conn.execute(update(accounts).where(accounts.c.id == bob.account_id).values(email="bob@example.org"))
    writer = Actor(99, "carol", role="write", orgs={"alice": "write"})
    assert [one.email for one in gating.list_requests(node, writer, repo, "pending", limit=5, skip=0)] == [None]
    assert [one.email for one in gating.list_requests(node, alice, repo, "pending", limit=5, skip=0)] == ["bob@example.org"]


def test_bounds_and_words(node: Node, alice: Actor, bob: Actor) -> None:
    """Long answers, unknown states and repositories without a gate are refused."""
    repo = _gated(node, alice, "manual")
    with pytest.raises(TooLarge):
        gating.ask(node, bob, repo, {"reason": "x" * 10_000})
    with pytest.raises(BadFormat):
        _list(node, alice, repo, "all")
    with pytest.raises(NotFoundError):
        gating.handle(node, alice, repo, user="", request_id="0" * 24, status="accepted", reason="")
    with pytest.raises(InputError):
        gating.ask(node, add_user(node, "dave"), new_repo(node, alice, "alice/open"), {})
