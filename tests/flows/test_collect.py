"""Garbage collection: what is kept, for how long, and what goes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from tests.support import world
from tests.support.nodes import TickingClock, add_user, commit, make_node, new_repo, running
from tests.support.uploads import noise, upload

from hanse.db import blobs, repos, revisions, xorbs
from hanse.db.engine import Database
from hanse.errors import BadCommit, Disabled
from hanse.flows import access
from hanse.flows.collect import collect
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, PutBytes, PutFile
from hanse.flows.refs import super_squash
from hanse.flows.repos import delete_repo
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.repo import Visibility
from hanse.store.keys import blob_key, chunk_list_key

DAY = 86400


def _clock(node: Node) -> TickingClock:
    assert isinstance(node.clock, TickingClock)
    return node.clock


def _used(node: Node, repo: int) -> int:
    with node.db.read() as conn:
        found = repos.get(conn, repo)
    assert found is not None
    return found.used_bytes


def _xorbs(node: Node) -> list[str]:
    with node.db.read() as conn:
        rows = [str(row.hash) for row in xorbs.all_xorbs(conn)]
    assert sorted(key.rpartition("/")[2] for key in node.store.list("xorbs/")) == sorted(rows)
    return rows


def test_nothing_goes_from_a_live_history(node: Node, alice: Actor) -> None:
    """Files that only older commits name are kept as long as the branch reaches these commits."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, upload(node, alice, repo, "a", noise(1)), PutBytes("b", b"1"))
    commit(node, alice, repo, DeleteFile("a"), DeleteFile("b"))
    _clock(node).time += 1000 * DAY
    done = collect(node)
    assert (done.revisions, done.files, done.xorbs) == (0, 0, 0)


def test_squashed_history_goes_in_time(node: Node, alice: Actor) -> None:
    """Bytes that only squashed commits named stay for the retention time, then go; the quota is released with them."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, upload(node, alice, repo, "a", noise(1)), PutBytes("b", b"1"))
    old = commit(node, alice, repo, PutBytes("keep", b"2")).rev
    commit(node, alice, repo, DeleteFile("a"), DeleteFile("b"))
    super_squash(node, alice, repo, "main")
    used = _used(node, repo.id)
    _clock(node).time += node.limits.retention_seconds - 1
    assert collect(node).revisions == 0
    assert _used(node, repo.id) == used
    assert access.resolve_revision(node, repo, old).state == "retired"
    _clock(node).time += 2
    done = collect(node)
    assert (done.revisions, done.files, done.xorbs) == (4, 2, 1)
    assert _used(node, repo.id) == used - 400_001
    assert _xorbs(node) == []
    assert node.store.size(blob_key(Sha256(sha256(b"1").hexdigest()))) is None
    assert node.store.size(blob_key(Sha256(sha256(b"2").hexdigest()))) == 1
    with pytest.raises(Disabled):
        access.resolve_revision(node, repo, old)
    with pytest.raises(BadCommit):
        commit(node, alice, repo, PutFile("a", Sha256(sha256(noise(1)).hexdigest())))
    commit(node, alice, repo, upload(node, alice, repo, "a", noise(1)), PutBytes("b", b"1"))


def test_advertised_xorbs_stay(node: Node, alice: Actor) -> None:
    """A xorb that an answer named lately stays, although no file needs it: clients remember it for weeks."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, upload(node, alice, repo, "a", noise(1)))
    commit(node, alice, repo, DeleteFile("a"))
    super_squash(node, alice, repo, "main")
    _clock(node).time += node.limits.retention_seconds + 1
    with node.db.write() as conn:
        (row,) = xorbs.all_xorbs(conn)
        xorbs.advertise(conn, [row.id], _clock(node).time // DAY)
    assert (collect(node).xorbs, len(_xorbs(node))) == (0, 1)
    _clock(node).time += node.limits.garbage_seconds
    assert collect(node).xorbs == 0
    _clock(node).time += DAY
    assert (collect(node).xorbs, _xorbs(node)) == (1, [])


def test_shared_files_stay(node: Node, alice: Actor, bob: Actor) -> None:
    """What another repository holds stays when the first one is deleted and forgotten."""
    repo, other = new_repo(node, alice, "alice/m"), new_repo(node, bob, "bob/m")
    commit(node, alice, repo, upload(node, alice, repo, "a", noise(1)), PutBytes("b", b"1"))
    commit(node, bob, other, PutFile("x", Sha256(sha256(noise(1)).hexdigest())), PutBytes("y", b"1"))
    delete_repo(node, alice, repo)
    _clock(node).time += 1000 * DAY
    done = collect(node)
    assert (done.revisions, done.files, done.xorbs) == (2, 0, 0)
    assert _used(node, repo.id) == 0
    with node.db.read() as conn:
        found = repos.get(conn, repo.id)
    assert found is not None
    assert found.state == "erased"


def test_uncommitted_uploads_go(node: Node, alice: Actor) -> None:
    """Uploads that no commit named are given up after a week; fresh ones are left alone."""
    repo = new_repo(node, alice, "alice/m")
    claim = upload(node, alice, repo, "a", noise(1))
    _clock(node).time += node.limits.upload_ttl_seconds - 1
    assert collect(node).files == 0
    _clock(node).time += 2
    assert collect(node).files == 1
    with pytest.raises(BadCommit):
        commit(node, alice, repo, claim)
    with node.db.read() as conn:
        (file,) = [row for row in blobs.all_files(conn) if row.size == 400_000]
    assert file.erased
    assert node.store.size(chunk_list_key(file.xet)) is None


def test_withdrawn_repositories_are_erased_in_time(database: Database, tmp_path: Path) -> None:
    """A deleted private repository is withdrawn for the retention time, then erased."""
    node = make_node(database, tmp_path / "data")
    with running(node):
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m", Visibility.PRIVATE)
        commit(node, alice, repo, upload(node, alice, repo, "a", noise(1)))
        delete_repo(node, alice, repo)
        assert collect(node).erased_repos == 0
        _clock(node).time += node.limits.retention_seconds + 1
        assert (collect(node).erased_repos, _xorbs(node)) == (1, [])
    with database.read() as conn:
        assert {row.state for row in revisions.all_of(conn, repo.id)} == {"erased"}
    assert list(node.store.list("revisions/")) == []
    world.check(node)
