"""Whose bytes may be referred to."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select
from tests.support.nodes import add_user, new_repo

from hanse.db import repos
from hanse.db.repos import Repo
from hanse.db.schema import access_requests
from hanse.db.schema import repos as repos_table
from hanse.flows.node import Node
from hanse.flows.scope import readable_scope, usable_scope
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Visibility


@pytest.fixture(name="held")
def _held(node: Node, alice: Actor) -> dict[str, Repo]:
    """Return alice's repositories: open, gated, disabled, private."""
    made = {name: new_repo(node, alice, f"alice/{name}") for name in ("open", "gated", "disabled")}
    made["private"] = new_repo(node, alice, "alice/private", Visibility.PRIVATE)
    with node.db.write() as conn:
        repos.update_columns(conn, made["gated"].id, gated="manual")
        repos.update_columns(conn, made["disabled"].id, disabled=True)
    return made


def _names(node: Node, actor: Actor, repo: Repo | None = None) -> set[str]:
    clause = readable_scope(actor) if repo is None else usable_scope(actor, repo)
    with node.db.read() as conn:
        return set(conn.execute(select(repos_table.c.name).where(clause)).scalars())


def test_only_readable_files_may_be_referred_to(node: Node, held: dict[str, Repo], alice: Actor, bob: Actor) -> None:
    """Seeing a gated repository is not reading it, and nobody reads a disabled one."""
    assert _names(node, bob) == _names(node, ANONYMOUS) == {"open"}
    assert _names(node, alice) == {"open", "gated", "private"}
    assert _names(node, add_user(node, "operator", admin=True)) == {"open", "gated", "private"}
    assert _names(node, Actor(1, "x", orgs={"alice": "read"})) == {"open", "gated", "private"}


def test_accepted_requests_count(node: Node, held: dict[str, Repo], bob: Actor) -> None:
    """Who was let into a gated repository may refer to its files; who only asked may not."""
    for status, expected in (("pending", {"open"}), ("accepted", {"open", "gated"})):
        row = {"repo_id": held["gated"].id, "account_id": bob.account_id, "id": status, "status": status, "created_at": 1}
        with node.db.write() as conn:
            conn.execute(access_requests.delete())
            conn.execute(insert(access_requests).values(row))
        assert _names(node, bob) == expected


def test_the_repository_itself_is_always_in_scope(node: Node, held: dict[str, Repo], bob: Actor) -> None:
    """A writer may refer to what his repository holds, whatever its state."""
    assert _names(node, bob, held["private"]) == {"open", "private"}
