"""Sessions: rights behind a Xet token are those of this moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.support.nodes import add_user, make_node, new_repo

from hanse.db import repos
from hanse.db.engine import Database
from hanse.db.schema import accounts
from hanse.errors import BadToken, Disabled, GatedRepo, NotAllowed, NotAuthenticated, RepoNotFound
from hanse.flows.erase import erase_repo
from hanse.flows.node import Node
from hanse.flows.repos import delete_repo
from hanse.flows.sessions import grant, open_session
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Visibility


def test_readers_read_and_writers_write(node: Node, alice: Actor, bob: Actor) -> None:
    """Everybody may read a public repository; only its people get a token to upload with."""
    repo = new_repo(node, alice, "alice/open")
    assert open_session(node, grant(node, ANONYMOUS, repo, write=False)[0], write=False).actor == ANONYMOUS
    writing = open_session(node, grant(node, alice, repo, write=True)[0], write=True)
    assert (writing.actor.name, writing.actor.role, writing.repo.id) == ("alice", "write", repo.id)
    with pytest.raises(NotAllowed):
        grant(node, bob, repo, write=True)
    with pytest.raises(NotAuthenticated):
        grant(node, ANONYMOUS, repo, write=True)
    with pytest.raises(NotAllowed, match="reading"):
        open_session(node, grant(node, alice, repo, write=False)[0], write=True)


def test_whoever_can_read_may_upload_for_a_pull_request(node: Node, alice: Actor, bob: Actor) -> None:
    """A pull request needs a write token and the right to read, no more."""
    repo = new_repo(node, alice, "alice/open")
    opened = open_session(node, grant(node, bob, repo, write=True, pull_request=True)[0], write=True)
    assert opened.scope == "propose"
    with pytest.raises(NotAllowed):
        grant(node, replace(bob, role="read"), repo, write=True, pull_request=True)
    with pytest.raises(NotAuthenticated):
        grant(node, ANONYMOUS, repo, write=True, pull_request=True)


def test_a_token_outlives_no_right(node: Node, alice: Actor, bob: Actor) -> None:
    """What changes after a token was given out counts at its next use."""
    repo = new_repo(node, alice, "alice/open")
    text, _ = grant(node, bob, repo, write=False)
    cases: list[tuple[dict[str, object], type[Exception]]] = [
        ({"gated": "manual"}, GatedRepo),
        ({"gated": "", "disabled": True}, Disabled),
        ({"disabled": False, "visibility": Visibility.PRIVATE.value}, RepoNotFound),
        ({"visibility": "public", "state": "withdrawn"}, RepoNotFound),
    ]
    for values, refusal in cases:
        with node.db.write() as conn:
            repos.update_columns(conn, repo.id, **values)
        with pytest.raises(refusal):
            open_session(node, text, write=False)
    with node.db.write() as conn:
        repos.update_columns(conn, repo.id, state="live")
    open_session(node, text, write=False)
    with node.db.write() as conn:
        conn.execute(update(accounts).where(accounts.c.id == bob.account_id).values(disabled=True))
    with pytest.raises(BadToken):
        open_session(node, text, write=False)


def test_a_robot_token_does_not_become_an_operator(node: Node, alice: Actor) -> None:
    """A token asked for without a node operator's rights has none, although its account has them."""
    repo = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    operator = add_user(node, "operator", admin=True)
    with node.db.write() as conn:
        conn.execute(update(accounts).where(accounts.c.id == operator.account_id).values(admin=True))
    open_session(node, grant(node, operator, repo, write=True)[0], write=True)
    robot = replace(operator, admin=False)
    public = new_repo(node, alice, "alice/open")
    assert not open_session(node, grant(node, robot, public, write=False)[0], write=False).actor.admin
    with pytest.raises(NotAllowed):
        grant(node, robot, repo, write=True)


def test_running_processes_follow_an_erasure(node: Node, alice: Actor, database: Database, tmp_path: Path) -> None:
    """After an erasure in another process the old tokens are refused at once, and the next one carries the new epoch."""
    repo, gone = new_repo(node, alice, "alice/m"), new_repo(node, alice, "alice/gone")
    text, _ = grant(node, alice, repo, write=True)
    delete_repo(node, alice, gone)
    other = make_node(Database(database.url), tmp_path / "data")
    erase_repo(other, gone.id)
    other.db.close()
    assert node.epoch == "e1"
    with pytest.raises(BadToken, match="out of date"):
        open_session(node, text, write=True)
    text, _ = grant(node, alice, repo, write=True)
    assert node.epoch != "e1"
    assert open_session(node, text, write=True).repo.id == repo.id
