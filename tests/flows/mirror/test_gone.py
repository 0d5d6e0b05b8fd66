"""What an upstream takes away is observed as gone, and stays readable by its commit id."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support.upstreams import NAME, changed, upstream

from hanse.db import revisions
from hanse.errors import RevisionNotFound
from hanse.flows import access
from hanse.flows.mirror.gone import observe_gone
from hanse.flows.mirror.hubs import HubUpstream
from hanse.flows.mirror.journey import mirror, mirror_all
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import GitOid
from hanse.model.repo import RepoType

MODEL = RepoType.MODEL


@dataclass(frozen=True)
class Forgetful(HubUpstream):
    """An upstream whose list of refs is empty, as that of a proxy may be."""

    def refs(self, kind: RepoType, path: str) -> dict[str, GitOid]:
        """Return nothing."""
        self.hub.refs(kind, path)
        return {}


def test_deleted_refs_are_observed(node: Node) -> None:
    """A tag and a branch that are gone are logged as deletions, once; their revisions stay, and they may come back."""
    with upstream() as (origin, hub):
        refs = origin.repo(NAME).refs
        for ref in ("refs/tags/v1", "refs/heads/dev"):
            refs[ref] = origin.commit(NAME, changed(a_txt=ref.encode()), ref=ref)
            mirror(node, hub, MODEL, NAME, ref)
        rev = refs.pop("refs/tags/v1")
        with pytest.raises(RevisionNotFound, match=r"refs/tags/v1 is gone is observed"):
            mirror(node, hub, MODEL, NAME, "v1")
        dev = refs.pop("refs/heads/dev")
        done = [one for one in mirror_all(node, hub, MODEL, NAME) if not isinstance(one, Exception)]
        repo = access.resolve(node, ANONYMOUS, done[0].repo.repo)
        with node.db.read() as conn:
            assert [str(one.ref) for one in revisions.all_refs(conn, repo.id)] == ["refs/heads/main"]
        size = node.log.size
        assert observe_gone(node, hub, repo) == []
        assert node.log.size == size
        for one in (rev, dev):
            assert access.resolve_revision(node, repo, one).rev == one
        with pytest.raises(RevisionNotFound):
            access.resolve_revision(node, repo, "v1")
        refs["refs/tags/v1"] = rev
        assert mirror(node, hub, MODEL, NAME, "v1").index == size


def test_an_empty_list_deletes_nothing(lite: Node) -> None:
    """A ref that the list lacks but that is answered by name is there."""
    with upstream() as (_, hub):
        repo = mirror(lite, hub, MODEL, NAME).repo
        assert observe_gone(lite, Forgetful(hub.hub), repo) == []
        assert observe_gone(lite, Forgetful(hub.hub), repo, "v7") == ()
    assert access.resolve_revision(lite, repo, "main").state == "live"


def test_a_repository_that_is_gone_stays_here(lite: Node) -> None:
    """Nothing is observed of a repository that its upstream does not have any more: that is for an operator to judge."""
    from hanse.errors import RepoNotFound

    with upstream() as (origin, hub):
        repo = mirror(lite, hub, MODEL, NAME).repo
        size = lite.log.size
        origin.forget()
        with pytest.raises(RepoNotFound):
            mirror(lite, hub, MODEL, NAME)
        assert lite.log.size == size
    assert access.resolve_revision(lite, repo, "main").state == "live"
