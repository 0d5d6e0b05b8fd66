"""Bytes are found by what they are, as far as the caller may see, and since when they are here."""

from __future__ import annotations

import hashlib

import pytest
from tests.support.nodes import add_user, commit, new_repo

from hanse.db import revisions
from hanse.errors import BadDigest
from hanse.flows import find as flow
from hanse.flows.collect import collect
from hanse.flows.find import Findings, find
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, PutBytes
from hanse.flows.refs import create_branch, create_tag
from hanse.flows.repos import delete_repo
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Visibility

WEIGHTS = b"weights " * 400
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


def _names(found: Findings) -> list[str]:
    return [one.repo.path for one in found.held]


def test_a_file_is_found_under_every_name(node: Node, alice: Actor, bob: Actor) -> None:
    """The answer has every repository with the bytes, the first one first, with revisions, refs, paths and log index."""
    first = new_repo(node, alice, "alice/m")
    made = commit(node, alice, first, PutBytes("a.bin", WEIGHTS), PutBytes("copy/b.bin", WEIGHTS))
    node.clock.time += 60  # type: ignore[attr-defined]
    second = new_repo(node, bob, "bob/n")
    commit(node, bob, second, PutBytes("a.bin", WEIGHTS))
    found = find(node, ANONYMOUS, DIGEST)
    assert (_names(found), found.kinds, found.complete) == (["alice/m", "bob/n"], ("sha256",), True)
    (sighting,) = found.held[0].sightings
    assert (sighting.rev, sighting.tree, sighting.index) == (made.rev, made.tree, made.index)
    assert (sighting.refs, sighting.paths, sighting.state) == (("refs/heads/main",), ("a.bin", "copy/b.bin"), "live")
    assert found.held[1].since == found.held[0].since + 60
    assert [one.origin for one in found.members] == [node.origin]
    with node.db.read() as conn:
        row = revisions.get(conn, first.id, made.rev)
    assert row is not None
    xet = next(one.xet for one in node.listings.get(node.store, row.object).directory.entries() if one.sha256 == DIGEST)
    assert find(node, ANONYMOUS, xet).held == found.held


def test_since_when_is_told_from_the_history(node: Node, alice: Actor) -> None:
    """A file that stayed for many commits is there since the first of them; one that was taken out is found where it was."""
    repo = new_repo(node, alice, "alice/m")
    first = commit(node, alice, repo, PutBytes("a.bin", WEIGHTS))
    for number in range(3):
        node.clock.time += 10  # type: ignore[attr-defined]
        last = commit(node, alice, repo, PutBytes("n.txt", b"%d" % number))
    (held,) = find(node, ANONYMOUS, DIGEST).held
    assert [one.rev for one in held.sightings] == [first.rev, last.rev]
    assert [one.refs for one in held.sightings] == [(), ("refs/heads/main",)]
    commit(node, alice, repo, DeleteFile("a.bin"))
    (held,) = find(node, ANONYMOUS, DIGEST).held
    assert [(one.rev, one.paths, one.state) for one in held.sightings] == [(first.rev, ("a.bin",), "live")]


def test_revisions_are_found_by_tree_and_commit(node: Node, alice: Actor) -> None:
    """A tree or a commit id leads to the revision with all names that point at it."""
    repo = new_repo(node, alice, "alice/m")
    made = commit(node, alice, repo, PutBytes("a.bin", WEIGHTS))
    create_tag(node, alice, repo, "v1", "main")
    create_branch(node, alice, repo, "b")
    for digest, kind in ((made.tree, "tree"), (made.rev, "rev")):
        found = find(node, ANONYMOUS, digest)
        (sighting,) = found.held[0].sightings
        assert found.kinds == (kind,)
        assert (sighting.rev, sighting.paths) == (made.rev, ())
        assert sighting.refs == ("refs/heads/b", "refs/heads/main", "refs/tags/v1")
        assert sighting.index == made.index


def test_what_the_caller_may_not_see_does_not_exist(node: Node, alice: Actor, bob: Actor) -> None:
    """A private repository answers its people and nobody else, by whichever digest; one that is deleted answers nobody."""
    repo = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    made = commit(node, alice, repo, PutBytes("a.bin", WEIGHTS))
    for digest in (DIGEST, made.tree, made.rev):
        assert _names(find(node, alice, digest)) == ["alice/secret"]
        for stranger in (bob, ANONYMOUS):
            assert find(node, stranger, digest) == Findings(digest, (), (), (), complete=True)
        assert _names(find(node, add_user(node, "root", admin=True), digest)) == ["alice/secret"]
    delete_repo(node, alice, repo)
    assert find(node, alice, DIGEST).held == ()


def test_uploads_and_collected_bytes_are_not_held(node: Node, alice: Actor) -> None:
    """Bytes that a repository gave up are not said to be there."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a.bin", WEIGHTS))
    delete_repo(node, alice, repo)
    node.clock.time += node.limits.retention_seconds + node.limits.garbage_seconds + 10  # type: ignore[attr-defined]
    collect(node)
    assert find(node, alice, DIGEST).held == ()


def test_bounds(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at is bounded, and the answer says so."""
    for name in ("m", "n"):
        commit(node, alice, new_repo(node, alice, f"alice/{name}"), PutBytes("a.bin", WEIGHTS), PutBytes("b.bin", WEIGHTS))
    assert find(node, ANONYMOUS, DIGEST).complete
    for name, value in (("MAX_REPOS", 1), ("MAX_PATHS", 1), ("MAX_RECORD_BYTES", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(flow, name, value)
            found = find(node, ANONYMOUS, DIGEST)
            assert found.held
            assert not found.complete, name


@pytest.mark.parametrize("text", ["", "a" * 63, "A" * 64, "g" * 64, "a" * 41, "Z" * 40])
def test_only_digests_are_looked_for(lite: Node, text: str) -> None:
    """Anything but 40 or 64 lower-case hex digits is refused."""
    with pytest.raises(BadDigest):
        find(lite, ANONYMOUS, text)
