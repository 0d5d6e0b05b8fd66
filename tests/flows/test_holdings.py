"""Which files a repository holds, by what its revisions name."""

from __future__ import annotations

from hashlib import sha256

from tests.support.nodes import commit, new_repo

from hanse.db import blobs, garbage, revisions
from hanse.flows.holdings import Named, record_names, settle_files
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, PutBytes
from hanse.flows.records import load
from hanse.flows.refs import create_tag, super_squash
from hanse.flows.small_files import store_small
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.repo import Visibility


def test_files_follow_revisions(node: Node, alice: Actor) -> None:
    """Files of live revisions are live, those of retired ones only retired, others given up; fresh uploads stay."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("old", b"old"))
    commit(node, alice, repo, DeleteFile("old"), PutBytes("new", b"new"))
    super_squash(node, alice, repo, "main")
    store_small(node, repo, alice, b"uploaded")
    now = node.clock.now()

    def states() -> list[str]:
        with node.db.read() as conn:
            return sorted(held.state for held in garbage.held_files(conn, repo.id))

    with node.db.write() as conn:
        assert settle_files(conn, Named(node.store), repo.id, now) == 0
    assert states() == ["live", "live", "retired", "staged"]
    with node.db.write() as conn:
        retired = [row.rev for row in revisions.all_of(conn, repo.id, ["retired"])]
        revisions.set_state(conn, repo.id, retired, "erased", now)
        assert settle_files(conn, Named(node.store), repo.id, now + 1) == 2
        found = blobs.find_by_sha256(conn, repo.id, [Sha256(sha256(text).hexdigest()) for text in (b"old", b"new", b"uploaded")])
    assert [row.size for row in found.values()] == [3]
    assert states() == ["live", "live"]


def test_every_record_is_known(node: Node, alice: Actor) -> None:
    """A repository's records are those of its revisions and of its leaves: nothing else is in the store."""
    repo = new_repo(node, alice, "alice/m", Visibility.PRIVATE)
    create_tag(node, alice, repo, "v1", "main", message="words")
    with node.db.read() as conn:
        names = record_names(conn, repo.id)
    assert names == {Sha256(key.rpartition("/")[2]) for key in node.store.list("revisions/")}
    assert sorted(type(load(node.store, name)).__name__ for name in names) == ["RefsRecord", "RepoRecord", "RevisionRecord"]
