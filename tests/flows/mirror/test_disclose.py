"""What only this machine told is for few, until the upstream shows it to everybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.flows.mirror.test_adopt import cache, listed
from tests.support import world
from tests.support.upstreams import FILES, NAME, changed, upstream

from hanse.db import notices
from hanse.errors import RepoNotFound
from hanse.flows import access
from hanse.flows.fsck import fsck
from hanse.flows.mirror.adopt import adopt
from hanse.flows.mirror.journey import mirror
from hanse.flows.mirror.rows import LOCAL_CLAIM
from hanse.flows.mirror.through import as_of
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS
from hanse.model.repo import RepoType

MODEL = RepoType.MODEL


def test_a_local_claim_is_private(node: Node, tmp_path: Path) -> None:
    """Nobody tells who may see it, so nobody else does; once its upstream shows it to everybody it is public and observed."""
    with upstream() as (origin, hub):
        rev, pins = origin.repo(NAME).refs["refs/heads/main"], origin.pins(NAME)
        root = cache(tmp_path / "hub", rev, pins, FILES)
        listed(root, rev, pins)
        origin.stop()
        (told,) = adopt(node, root, hub)
        assert (told.state, "until its upstream shows it" in told.says) == ("claimed", True)
        assert told.mirrored is not None
        repo = told.mirrored.repo
        with pytest.raises(RepoNotFound):
            access.resolve(node, ANONYMOUS, repo.repo)
        origin.start()
        done = mirror(node, hub, MODEL, NAME)
        assert (done.repo.id, done.repo.public, done.revision.rev) == (repo.id, True, rev)
    found = access.resolve(node, ANONYMOUS, repo.repo)
    assert as_of(node, repo) is None
    assert access.resolve_revision(node, found, "main").tree == told.mirrored.revision.tree
    assert b"org/tiny" in b"".join(node.log.leaves(0, node.log.size))
    assert [one for one in fsck(node, deep=True).problems if not one.name.startswith("mirror/")] == []
    world.check(node)


def test_what_the_upstream_does_not_show_stays_private(node: Node, tmp_path: Path) -> None:
    """A revision that is gone from a public history may never have been public: the mirror that has it is for few."""
    with upstream() as (origin, hub):
        first, pins = origin.repo(NAME).refs["refs/heads/main"], origin.pins(NAME)
        origin.rewrite(NAME, changed(config_json=b"{}"))
        later = origin.repo(NAME).refs["refs/heads/main"]
        root = cache(tmp_path / "hub", first, pins, FILES)
        listed(root, first, pins)
        (told,) = adopt(node, root, hub)  # this revision is gone there, and the repository was not mirrored yet
        assert told.mirrored is not None
        repo = told.mirrored.repo
        with node.db.read() as conn:
            (said,) = notices.of_repo(conn, repo.id, first)
        assert (said.kind, said.says.startswith("only this machine says so")) == (LOCAL_CLAIM, True)
        assert said.says.endswith(f"; {repo.repo.origin} does not say so"), "where and how it is asked is nobody else's business"
        assert as_of(node, repo) == 0
        done = mirror(node, hub, MODEL, NAME)
        assert (done.repo.id, done.repo.public, done.revision.rev) == (repo.id, False, later)
    with pytest.raises(RepoNotFound):
        access.resolve(node, ANONYMOUS, repo.repo)
    assert access.resolve_revision(node, done.repo, first).tree == told.mirrored.revision.tree
    assert b"org/tiny" not in b"".join(node.log.leaves(0, node.log.size))
    world.check(node)
