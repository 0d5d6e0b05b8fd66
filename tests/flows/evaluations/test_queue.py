"""Asking a node for an evaluation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.attesting import settle
from tests.support.nodes import add_user, commit

from hanse.db.repos import Repo
from hanse.errors import Busy, Conflict, InputError, NotAllowed, NotAuthenticated, NotFoundError, RevisionNotFound
from hanse.evals.cost import Price
from hanse.flows.evaluations import queue
from hanse.flows.evaluations.kept import Shown
from hanse.flows.evaluations.queue import Asked, bounded, call_off, cancel, listed, require_may_ask, seen, submit
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import RepoType


def test_asked_once_and_called_off(lite: Node, owner: Actor, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same is queued once, another suite beside it, up to a bound; what was called off can be asked for again."""
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    one = submit(lite, repo, "main", "arithmetic", Asked(max_tokens=5))
    assert submit(lite, repo, one.rev, "arithmetic") == one
    monkeypatch.setattr(queue, "MAX_OPEN", 2)
    other = submit(lite, repo, "main", "primality")
    with pytest.raises(Busy, match="wait already"):
        submit(lite, repo, "main", "canary")
    assert [(job["id"], job["name"], job["state"]) for job in listed(lite)] == [
        (other.id, "owner/repo", "waiting"),
        (one.id, "owner/repo", "waiting"),
    ]
    cancel(lite, one.id)
    with pytest.raises(Conflict, match="cancelled"):
        cancel(lite, one.id)
    assert submit(lite, repo, "main", "arithmetic").id not in {one.id, other.id}


def test_what_is_refused(lite: Node, owner: Actor, repo: Repo) -> None:
    """There are no jobs for unknown revisions and suites, for limits out of bounds, and none by another number."""
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    with pytest.raises(RevisionNotFound):
        submit(lite, repo, "none", "arithmetic")
    with pytest.raises(NotFoundError):
        submit(lite, repo, "main", "../arithmetic")
    for asked in (Asked(max_seconds=-1), Asked(max_tokens=10**12), Asked(max_cost=5), Asked(max_cost=-5, price=Price(1))):
        with pytest.raises(InputError):
            submit(lite, repo, "main", "arithmetic", asked)
    with pytest.raises(InputError, match="models are evaluated"):
        submit(lite, replace(repo, repo=replace(repo.repo, type=RepoType.DATASET)), "main", "arithmetic")
    with pytest.raises(NotFoundError):
        cancel(lite, 99)


def test_who_may_ask(lite: Node, owner: Actor, repo: Repo) -> None:
    """Writers of the repository and operators ask with a token for writing or evaluating; a mirrored one's, operators only."""
    root = Actor(account_id=99, name="root", admin=True, role="write")
    for actor in (owner, replace(owner, role="evaluate"), root):
        assert require_may_ask(actor, repo) == actor.account_id
    for actor in (replace(owner, role="read"), add_user(lite, "stranger"), replace(root, role="read")):
        with pytest.raises(NotAllowed, match="evaluated here"):
            require_may_ask(actor, repo)
    with pytest.raises(NotAuthenticated):
        require_may_ask(ANONYMOUS, repo)
    mirror = replace(repo, mirrored=True)
    assert require_may_ask(root, mirror) == 99
    with pytest.raises(NotAllowed, match="ask an operator"):
        require_may_ask(owner, mirror)


def test_who_sees_a_job(lite: Node, owner: Actor, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is there for its asker, the repository's writers and operators; it is called off by who could have asked for it."""
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    assert owner.account_id is not None
    one = submit(lite, repo, "main", "arithmetic", Asked(shown=Shown(account=owner.account_id)))
    assert seen(lite, owner, one.id)[0] == one
    for actor in (ANONYMOUS, add_user(lite, "stranger")):
        with pytest.raises(NotFoundError):
            seen(lite, actor, one.id)
        with pytest.raises(NotFoundError):
            call_off(lite, actor, one.id)
    assert [job["id"] for job in listed(lite, owner)] == [one.id]
    assert listed(lite, replace(owner, account_id=owner.account_id + 1)) == []
    monkeypatch.setattr(queue, "MAX_OPEN_OF_ONE", 1)
    with pytest.raises(Busy, match="you asked for"):
        submit(lite, repo, "main", "canary", Asked(shown=Shown(account=owner.account_id)))
    with pytest.raises(NotAllowed):
        call_off(lite, replace(owner, role="read"), one.id)
    call_off(lite, replace(owner, role="evaluate"), one.id)
    assert seen(lite, owner, one.id)[0].state == "cancelled"


def test_how_long_may_be_asked_for(lite: Node) -> None:
    """Over HTTP every job has a bound: the node's, or a smaller one; a node can take none at all."""
    node = replace(lite, limits=replace(lite.limits, evaluation_seconds=100))
    assert (bounded(node, 0), bounded(node, 60)) == (100, 60)
    with pytest.raises(NotAllowed, match="at most 100 seconds"):
        bounded(node, 101)
    with pytest.raises(NotAllowed, match="takes no evaluations"):
        bounded(replace(lite, limits=replace(lite.limits, evaluation_seconds=0)), 1)
