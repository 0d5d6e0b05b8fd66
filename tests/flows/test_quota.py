"""Quotas count what is staged, so that nobody fills the disk with uploads that he never commits."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from tests.support.nodes import TickingClock, add_user, commit, new_repo
from tests.support.rawxet import raw_file
from tests.support.uploads import noise, upload
from tests.support.xetflows import send_file

from hanse.db import usage
from hanse.db.repos import Repo
from hanse.errors import QuotaExceeded
from hanse.flows import lfs, lfs_files, quota
from hanse.flows.accounts import set_quota
from hanse.flows.ingest import store_small
from hanse.flows.lfs import Wanted
from hanse.flows.lfs_files import Copy
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.digest import Sha256


def _wanted(data: bytes) -> Wanted:
    return Wanted(Sha256(sha256(data).hexdigest()), len(data))


def _staged(node: Node, repo: Repo) -> int:
    now = node.clock.now()
    with node.db.read() as conn:
        return usage.staged_bytes(conn, repo.repo.origin, repo.repo.namespace, since=quota.since(node), now=now)


def _limited(node: Node, **limits: int) -> Node:
    return replace(node, limits=replace(node.limits, **limits))


def _advance(node: Node, seconds: int) -> None:
    assert isinstance(node.clock, TickingClock)
    node.clock.time += seconds


@pytest.fixture(name="repo")
def _repo(node: Node, alice: Actor) -> Repo:
    """Return a public repository whose namespace may store 100,000 bytes, 60,000 of which are staged."""
    made = new_repo(node, alice, "alice/m")
    set_quota(node.db, "alice", 100_000)
    send_file(node, alice, made, raw_file(noise(1, 60_000)))
    return made


def test_shards_count_before_a_commit(node: Node, alice: Actor, repo: Repo) -> None:
    """A second upload that would not fit beside the first is refused, saying what to do; the first may be sent again."""
    assert _staged(node, repo) == 60_000
    with pytest.raises(QuotaExceeded, match=r"quota of 0\.1 MiB: 0\.0 MiB are used and 0\.1 MiB are uploaded") as refused:
        send_file(node, alice, repo, raw_file(noise(2, 60_000)))
    assert "168 hours" in refused.value.hint
    assert _staged(node, repo) == 60_000
    send_file(node, alice, repo, raw_file(noise(1, 60_000)))
    send_file(node, alice, repo, raw_file(noise(3, 30_000)))
    assert _staged(node, repo) == 90_000


def test_every_way_in_counts(node: Node, alice: Actor, repo: Repo) -> None:
    """LFS plans, whole bodies, files inside commits and copies are refused before anything is kept, beside what is staged."""
    data, other = noise(2, 60_000), new_repo(node, alice, "alice/n")
    with pytest.raises(QuotaExceeded):
        lfs.plan_uploads(node, alice, other, [_wanted(data)], multipart=False)
    with pytest.raises(QuotaExceeded):
        upload(node, alice, other, "a", data)
    with pytest.raises(QuotaExceeded):
        commit(node, alice, other, PutBytes("a", data))
    file = raw_file(noise(1, 60_000))
    copies = [Copy(file.sha256, file.file)]
    with pytest.raises(QuotaExceeded):
        lfs_files.copy_files(node, alice, repo, other, copies)
    set_quota(node.db, "alice", 1)
    assert lfs_files.copy_files(node, alice, repo, repo, copies) == []
    assert _staged(node, repo) == 60_000


def test_committing_what_is_staged_adds_nothing(node: Node, alice: Actor, repo: Repo) -> None:
    """Staged bytes become used bytes."""
    small = store_small(node, repo, alice, noise(4, 30_000))
    assert _staged(node, repo) == 90_000
    commit(node, alice, repo, PutBytes("a", noise(4, 30_000)))
    assert _staged(node, repo) == 60_000
    with node.db.read() as conn:
        assert usage.missing_bytes(conn, repo.id, [small], quota.since(node)) == 0


def test_parts_count_while_they_come(node: Node, alice: Actor, repo: Repo) -> None:
    """An upload in parts is counted at its whole size once, however often it is planned, until it is complete."""
    parts, data = _limited(node, lfs_part_bytes=10_000), noise(5, 30_000)
    for _ in range(2):
        answer = lfs.plan_uploads(parts, alice, repo, [_wanted(data)], multipart=True)[0]
    assert _staged(node, repo) == 90_000
    with pytest.raises(QuotaExceeded):
        lfs.plan_uploads(parts, alice, repo, [_wanted(noise(6, 30_000))], multipart=True)
    assert answer.upload is not None
    holder, tags = lfs.holder_of(alice), []
    for number in (1, 2, 3):
        with lfs.PartWriter(parts, answer.upload.id, holder, number) as writer:
            writer.feed(data[(number - 1) * 10_000 : number * 10_000])
            tags.append((number, writer.finish()))
    lfs.complete(parts, answer.upload.id, holder, _wanted(data).sha256, tags)
    assert _staged(node, repo) == 90_000


def test_forgotten_uploads_stop_counting(node: Node, alice: Actor, repo: Repo) -> None:
    """What was not committed within the time of an upload makes room; sent again, it counts again."""
    _advance(node, node.limits.upload_ttl_seconds + 1)
    assert _staged(node, repo) == 0
    send_file(node, alice, repo, raw_file(noise(2, 60_000)))
    with pytest.raises(QuotaExceeded):
        send_file(node, alice, repo, raw_file(noise(3, 60_000)))
    set_quota(node.db, "alice", 200_000)
    send_file(node, alice, repo, raw_file(noise(1, 60_000)))
    assert _staged(node, repo) == 120_000


def test_strangers_are_bound_in_all_repositories_together(node: Node, alice: Actor, bob: Actor) -> None:
    """What an account uploads for pull requests is bounded, wherever; its own repositories and members are not."""
    bound = _limited(node, max_staged_bytes_per_account=100_000)
    repos = [new_repo(node, alice, f"alice/{name}") for name in "mn"]
    own = new_repo(node, bob, "bob/own")
    send_file(bound, bob, repos[0], raw_file(noise(1, 60_000)))
    with pytest.raises(QuotaExceeded, match="one account"):
        send_file(bound, bob, repos[1], raw_file(noise(2, 60_000)))
    with pytest.raises(QuotaExceeded, match="one account"):
        lfs.plan_uploads(bound, bob, repos[1], [_wanted(noise(2, 60_000))], multipart=False)
    send_file(bound, bob, own, raw_file(noise(3, 200_000)))
    send_file(bound, alice, repos[0], raw_file(noise(4, 200_000)))
    send_file(bound, add_user(node, "carol"), repos[0], raw_file(noise(2, 60_000)))
    send_file(_limited(node, max_staged_bytes_per_account=0), bob, repos[1], raw_file(noise(5, 60_000)))
