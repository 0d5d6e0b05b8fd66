"""Commits in arrival: targets, spooling of contents, what fails."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any

import pytest
from tests.support.nodes import new_repo

from hanse.errors import BadCommit, BadRepoId, NotAllowed, NotAuthenticated, RevisionNotFound
from hanse.flows import access, commits, discussions
from hanse.flows.commits import Incoming, Target, target_of
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes, PutEntry
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.repo import Visibility, branch_ref, pull_ref


def _body(*operations: dict[str, Any]) -> bytes:
    lines = [{"key": "header", "value": {"summary": "s", "description": "d"}}, *operations]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def _file(path: str, data: bytes) -> dict[str, Any]:
    return {"key": "file", "value": {"path": path, "content": base64.b64encode(data).decode(), "encoding": "base64"}}


def test_targets() -> None:
    """Branches, full branch names and pull requests take commits; tags, foreign refs and bad names do not."""
    assert target_of("main", pull_request=False) == Target(branch_ref("main"))
    assert target_of("refs/heads/a/b", pull_request=False) == Target(branch_ref("a/b"))
    assert target_of("refs/pr/12", pull_request=False) == Target(pull_ref(12))
    assert target_of("ab" * 20, pull_request=True) == Target(branch_ref("main"), True, "ab" * 20)
    assert target_of("dev", pull_request=True) == Target(branch_ref("dev"), True)
    for rev in ("refs/tags/v1", "refs/pr/x", "refs/pr/1/head", "refs/pr/"):
        with pytest.raises(RevisionNotFound):
            target_of(rev, pull_request=False)
    for rev in ("a..b", "-x", "a b", "refs/heads/../x"):
        with pytest.raises(BadRepoId):
            target_of(rev, pull_request=False)


def test_contents_are_stored_while_they_arrive(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound contents go to the store before the commit is complete, and the result is the same."""
    monkeypatch.setattr(commits, "HELD_BYTES", 25_000)
    repo = new_repo(node, alice, "alice/m")
    files = {f"f{number}": bytes([number]) * 10_000 for number in range(7)}
    body = _body(*(_file(path, data) for path, data in files.items()))
    incoming = Incoming(node, alice, repo)
    for at in range(0, len(body), 1000):
        incoming.feed(body[at : at + 1000])
    request = incoming.finish()
    kinds = [type(operation) for operation in request.operations]
    assert kinds == [PutEntry] * 6 + [PutBytes]
    before = repo.used_bytes
    done = commits.commit(node, alice, repo, target_of("main", pull_request=False), request)
    directory = node.listings.get(node.store, access.resolve_revision(node, repo, done.published.rev).object).directory
    for path, data in files.items():
        entry = directory.file(path)
        assert entry is not None
        assert (entry.sha256, entry.lfs) == (sha256(data).hexdigest(), False)
    after = access.resolve(node, alice, repo.repo).used_bytes
    assert after - before >= 70_000


def test_who_may_send_one(node: Node, alice: Actor, bob: Actor) -> None:
    """Strangers may propose to what they can read, and commit nowhere; nobody does either anonymously."""
    repo = new_repo(node, alice, "alice/m")
    proposal, direct = Target(branch_ref("main"), pull_request=True), Target(branch_ref("main"))
    commits.require_target(node, bob, repo, proposal)
    with pytest.raises(NotAllowed):
        commits.require_target(node, bob, repo, direct)
    with pytest.raises(NotAllowed):
        commits.require_target(node, Actor(bob.account_id, "bob", role="read"), repo, proposal)
    for target in (proposal, direct):
        with pytest.raises(NotAuthenticated):
            commits.require_target(node, ANONYMOUS, repo, target)


def test_other_peoples_private_files_cannot_be_claimed(node: Node, alice: Actor, bob: Actor) -> None:
    """Naming the sha256 of a file in somebody else's private repository gives nothing, by commit or by pull request."""
    secret = new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    data = b"secret" * 100
    incoming = Incoming(node, alice, secret)
    incoming.feed(_body(_file("s.txt", data)))
    commits.commit(node, alice, secret, Target(branch_ref("main")), incoming.finish())
    claim = {"key": "lfsFile", "value": {"path": "x", "oid": sha256(data).hexdigest(), "algo": "sha256"}}
    for owner, target in ((bob, Target(branch_ref("main"))), (alice, Target(branch_ref("main"), pull_request=True))):
        repo = new_repo(node, owner, f"{owner.name}/m")
        claims = Incoming(node, bob, repo)
        claims.feed(_body(claim))
        with pytest.raises(BadCommit):
            commits.commit(node, bob, repo, target, claims.finish())


def test_a_pull_request_starts_where_it_was_made(node: Node, alice: Actor) -> None:
    """With a parent or a commit id the request starts there, not at the branch's head."""
    repo = new_repo(node, alice, "alice/m")
    first = access.resolve_revision(node, repo, "main")
    for path in ("a", "b"):
        incoming = Incoming(node, alice, repo)
        incoming.feed(_body(_file(path, b"1")))
        target = Target(branch_ref("main")) if path == "a" else target_of(first.rev, pull_request=True)
        commits.commit(node, alice, repo, target, incoming.finish())
    assert discussions.thread(node, repo, 1).discussion.base == first.rev


def test_listings_failing_does_not_fail_the_commit(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Derived fields that cannot be made are logged; the commit stands."""

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    repo = new_repo(node, alice, "alice/m")
    monkeypatch.setattr("hanse.flows.index.reindex", fail)
    incoming = Incoming(node, alice, repo)
    incoming.feed(_body(_file("a", b"1")))
    done = commits.commit(node, alice, repo, Target(branch_ref("main")), incoming.finish())
    assert access.resolve_revision(node, repo, "main").rev == done.published.rev
