"""Asking a node for an evaluation."""

from __future__ import annotations

import pytest
from tests.support.attesting import settle
from tests.support.nodes import commit

from hanse.db.repos import Repo
from hanse.errors import Busy, Conflict, InputError, NotFoundError, RevisionNotFound
from hanse.flows.evaluations import queue
from hanse.flows.evaluations.queue import cancel, listed, submit
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor


def test_asked_once_and_called_off(lite: Node, owner: Actor, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same is queued once, another suite beside it, up to a bound; what was called off can be asked for again."""
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    one = submit(lite, repo, "main", "arithmetic", max_tokens=5)
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
    for limits in ({"max_seconds": -1}, {"max_tokens": 10**12}):
        with pytest.raises(InputError):
            submit(lite, repo, "main", "arithmetic", **limits)
    with pytest.raises(NotFoundError):
        cancel(lite, 99)
