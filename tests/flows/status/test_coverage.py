"""Losing bytes, counted by the chunks that members hold."""

from __future__ import annotations

import random

import pytest
from tests.support.attesting import settle
from tests.support.audited import MEMBER, says_so
from tests.support.nodes import commit, new_repo

from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.status import coverage
from hanse.flows.status.coverage import CHUNKS, FILES, revision_loss
from hanse.model.actor import Actor

BASE = random.Random(8).randbytes(1_000_000)


def _revision(node: Node, repo: Repo, rev: str) -> Revision:
    with node.db.read() as conn:
        found = revisions.get(conn, repo.id, rev)
    assert found is not None
    return found


def test_an_older_revision_elsewhere_covers_what_did_not_change(lite: Node, owner: Actor) -> None:
    """A member who holds the last revision only has most chunks of the new one; what is new is lost with this node."""
    repo = new_repo(lite, owner, "owner/m")
    old = commit(lite, owner, repo, PutBytes("w.bin", BASE), PutBytes("config.json", b"{}"))
    settle(lite)
    says_so(lite)
    new = commit(lite, owner, repo, PutBytes("w.bin", BASE + b"tuned"))
    settle(lite)
    lost, counted = revision_loss(lite, repo, _revision(lite, repo, new.rev), [])
    assert (lost.number, lost.members, counted) == (1, (lite.origin,), CHUNKS)
    assert lost.chunks < lost.of  # the changed end; the rest is there twice
    before, _ = revision_loss(lite, repo, _revision(lite, repo, old.rev), [lite.origin, MEMBER])
    assert (before.number, before.members) == (2, (MEMBER, lite.origin))


def test_beyond_the_bound_files_are_counted(lite: Node, owner: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many chunks for a question that anybody may ask are counted by whole files, and it is said."""
    repo = new_repo(lite, owner, "owner/m")
    made = commit(lite, owner, repo, PutBytes("w.bin", BASE))  # and .gitattributes
    monkeypatch.setattr(coverage, "MAX_CHUNKS", 1)
    lost, counted = revision_loss(lite, repo, _revision(lite, repo, made.rev), [MEMBER])
    assert (lost.number, counted, lost.of) == (2, FILES, 2)
