"""What a home says later of what is copied reaches the copies; while it is silent, what was last known holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.support.copying import HOME, Pair, pair
from tests.support.nodes import add_user
from tests.support.served import until

from hanse.db import copies, repos
from hanse.db.repos import Repo
from hanse.errors import GatedRepo, RevisionNotFound
from hanse.flows import access, refs
from hanse.flows.replicate.background import Replicating
from hanse.flows.replicate.later import follow_gate, follow_refs
from hanse.flows.replicate.plan import take_note
from hanse.flows.repos import set_visibility
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import GitOid
from hanse.model.repo import RepoId, RepoType, Visibility
from hanse.peers.client import PeerClient

FILES = {"README.md": b"# m\n", "config.json": b"{}"}


def _copied(two: Pair, files: dict[str, bytes]) -> GitOid:
    """Publish and copy a revision."""
    rev = two.publish(files)
    with closing(two.copier()) as copier:
        take_note(two.node, two.view(), copier.setup.wishes)
        for row in two.rows():
            if row.state == copies.WANTED:
                copier.copy(two.view(), row)
    return GitOid(rev)


def _copy(two: Pair) -> Repo:
    return access.find_named(two.node, ANONYMOUS, RepoId(two.node.origin, RepoType.MODEL, "alice", "m"))


@contextmanager
def _client() -> Iterator[PeerClient]:
    with closing(PeerClient()) as client:
        yield client


def test_branches_and_tags_move_and_go(two: Pair) -> None:
    """A tag that is set later, a branch that goes back and a tag that is deleted: the copy follows the home's log."""
    first = _copied(two, FILES)
    second = _copied(two, {"config.json": b"{1}"})
    alice, repo = add_user(two.home, "alice"), two.publisher.repo
    assert repo is not None
    refs.create_tag(two.home, alice, repo, "v1", first)
    refs.create_branch(two.home, alice, repo, "dev", second)
    two.follow()
    assert follow_refs(two.node, _copy(two)) == 2
    found = [access.resolve_revision(two.node, _copy(two), name).rev for name in ("v1", "dev", "main")]
    assert found == [first, second, second]
    refs.delete_tag(two.home, alice, repo, "v1")
    refs.delete_branch(two.home, alice, repo, "dev")
    refs.create_branch(two.home, alice, repo, "dev", first)
    two.follow()
    assert follow_refs(two.node, _copy(two)) == 2
    with pytest.raises(RevisionNotFound):
        access.resolve_revision(two.node, _copy(two), "v1")
    assert follow_refs(two.node, _copy(two)) == 0
    assert access.resolve_revision(two.node, _copy(two), "dev").rev == first


def test_a_gate_is_set_later(two: Pair) -> None:
    """The copy lets nobody in while its home asks for access; a silent home changes nothing, one that opens opens it."""
    rev, url = _copied(two, FILES), two.url
    repo = two.publisher.repo
    assert repo is not None
    with _client() as client:
        for gate in ("manual", "auto"):
            with two.home.db.write() as conn:
                repos.update_columns(conn, repo.id, gated=gate)
            assert follow_gate(two.node, client, _copy(two), rev, [url]) == "manual"
            with pytest.raises(GatedRepo):
                access.require_read_bytes(two.node, ANONYMOUS, _copy(two))
        assert follow_gate(two.node, client, _copy(two), rev, ["http://127.0.0.1:9"]) is None
        assert _copy(two).gated == "manual"
        with two.home.db.write() as conn:
            repos.update_columns(conn, repo.id, gated="")
        assert follow_gate(two.node, client, _copy(two), rev, [url]) == ""
    access.require_read_bytes(two.node, ANONYMOUS, _copy(two))


@pytest.mark.soak
def test_what_is_not_public_any_more_is_refused(two: Pair) -> None:
    """The home's log says it, whoever answers; a serving node does it by itself, and undoes it."""
    rev = _copied(two, FILES)
    repo, alice = two.publisher.repo, add_user(two.home, "alice")
    assert repo is not None
    hidden = set_visibility(two.home, alice, repo, Visibility.PRIVATE)
    two.follow()
    replicating = Replicating(two.copier(), 1, pace=0.05)
    replicating.start()
    try:
        until(lambda: _copy(two).gated == "manual")
        set_visibility(two.home, alice, hidden, Visibility.PUBLIC)
        two.follow()
        with _client() as client:
            assert follow_gate(two.node, client, _copy(two), rev, ()) is None
            assert follow_gate(two.node, client, _copy(two), rev, [two.url]) == ""
    finally:
        replicating.stop()


@pytest.mark.soak
def test_a_site_without_it_shows_it_to_nobody(tmp_path: Path) -> None:
    """A home that publishes files only says by leaving it out that not everybody may have it."""
    with pair(tmp_path, static=True) as two, _client() as client:
        rev = _copied(two, FILES)
        assert follow_gate(two.node, client, _copy(two), rev, [two.url]) == ""
        assert two.site is not None
        (two.site / "refs/models/alice/m.json").unlink()
        assert follow_gate(two.node, client, _copy(two), rev, [two.url]) == "manual"
        assert two.rows()[0].origin == HOME
