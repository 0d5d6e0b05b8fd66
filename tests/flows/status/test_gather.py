"""How a node and its federations stand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.attesting import settle
from tests.support.audited import says_so
from tests.support.nodes import commit, new_repo
from tests.support.trusting import federation_of

from hanse.db import alarms, audits, copies, repos, sightings
from hanse.db.alarms import Alarm
from hanse.db.audits import Audited
from hanse.db.copies import Copy
from hanse.db.sightings import Said
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.status.gather import node_status, repo_status
from hanse.model.actor import Actor
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, Visibility

OTHER = Origin("other.example")


@pytest.fixture(name="member")
def _member(lite: Node, tmp_path: Path) -> Node:
    """Return the node as a member of a federation of two."""
    files = FederationFiles(tmp_path / "federation")
    files.keep(federation_of(lite, "https://a.example", "https://other.example"))
    return replace(lite, federations=files)


def test_a_node_alone(lite: Node, owner: Actor) -> None:
    """What one node holds is lost with it, and one who has it can say anything; that is what is told."""
    empty = node_status(lite)
    assert (empty.members, empty.repos, empty.whole.lost, empty.whole.missing) == ((), (), None, 0)
    commit(lite, owner, new_repo(lite, owner, "owner/m"), PutBytes("a", b"12345"))
    found = node_status(lite)
    assert (len(found.repos), found.repos[0].holders, found.repos[0].missing) == (1, (lite.origin,), 2)
    assert found.whole.lost == found.repos[0]
    assert (found.whole.lost.loss.number, found.whole.unprotected) == (1, found.repos[0].bytes)
    assert found.whole.deceived is not None
    assert found.whole.deceived.number == 1
    json.dumps(found.json())


def test_who_holds_what_and_what_is_missing(member: Node, owner: Actor) -> None:
    """Members' logs and audits decide who holds a revision; the numbers follow, for each and for the whole."""
    repo = new_repo(member, owner, "owner/m")
    commit(member, owner, repo, PutBytes("a", b"12345"))
    settle(member)
    says_so(member, OTHER)
    found = node_status(member)
    assert [(one.origin, one.holds, one.counts) for one in found.members] == [(member.origin, 0, True), (OTHER, 1, True)]
    (one,) = found.repos
    assert (one.holders, one.missing, one.loss.number, one.counted) == ((member.origin, OTHER), 1, 2, "copies")
    assert (found.whole.unprotected, found.whole.missing) == (0, 1)
    assert {row.name for row in found.cosigned} == {"w.example/witness", "w.example/mirror"}
    with member.db.write() as conn:
        audits.put(conn, Audited(OTHER, asked=9, failing=True, outcome="false", says="other bytes"))
    found = node_status(member)
    (one,) = found.repos
    assert (one.holders, one.failing, one.loss.number) == ((member.origin,), (OTHER,), 1)
    assert not next(row for row in found.members if row.origin == OTHER).counts
    detail = repo_status(member, repo)
    assert (detail.counted, detail.loss.number) == ("chunks", 1)
    assert found.json()["whole"]["lost"]["repo"] == "owner/m"


def test_only_what_everybody_may_know(lite: Node, owner: Actor) -> None:
    """Private and withdrawn repositories are in no list, and an alarm about a private one is counted only."""
    for path, seen in (
        ("owner/open", Visibility.PUBLIC),
        ("owner/secret", Visibility.PRIVATE),
        ("owner/gone", Visibility.PUBLIC),
    ):
        commit(lite, owner, new_repo(lite, owner, path, seen), PutBytes("a", path.encode()))
    with lite.db.write() as conn:
        gone = next(one for one in repos.in_state(conn, "live") if one.repo.name == "gone")
        repos.update_columns(conn, gone.id, disabled=True)
        for path in ("owner/secret", "owner/open"):
            alarms.put(conn, Alarm("two-trees", "h.example", f"{path} has two trees", path.encode(), 1, "model", path))
    found = node_status(lite)
    assert [one.repo.path for one in found.repos] == ["owner/open"]
    assert ([one.repo for one in found.alarms], found.alarm_count) == (["owner/open"], 2)
    assert "secret" not in json.dumps(found.json())


def test_a_private_repository_is_one_members(lite: Node, owner: Actor) -> None:
    """Whoever may see it is told that it is held by this node only, and that no copies are wanted."""
    repo = new_repo(lite, owner, "owner/secret", Visibility.PRIVATE)
    commit(lite, owner, repo, PutBytes("a", b"1"))
    found = repo_status(lite, repo)
    assert (found.holders, found.target, found.missing, found.loss.number) == ((lite.origin,), 1, 0, 1)


def test_pages(lite: Node, owner: Actor) -> None:
    """Repositories come in pages; each goes on where the last ended."""
    for at in range(3):
        commit(lite, owner, new_repo(lite, owner, f"owner/m{at}"), PutBytes("a", b"1"))
    first = node_status(lite, limit=2)
    assert first.next is not None
    second = node_status(lite, limit=2, after=first.next)
    assert [one.repo.name for one in (*first.repos, *second.repos)] == ["m0", "m1", "m2"]
    assert second.next is None


def test_what_only_others_hold(member: Node) -> None:
    """Members' revisions that are not here stand in the list by their logs; what is held for others is counted."""
    row = Copy(OTHER, "model", "o/m", GitOid("1" * 40), Sha256("2" * 64), 5, copies.LEFT, size=900)
    with member.db.write() as conn:
        copies.put_new(conn, [row, replace(row, rev=GitOid("3" * 40), settled_at=4), replace(row, repo="no name")])
        copies.put_new(conn, [replace(row, repo="o/held", state=copies.HELD, moved=100)])
        sightings.put(conn, [Said(OTHER, 1, OTHER, "model", "o/m", row.rev, row.tree, 5)])
    found = node_status(member)
    (one,) = found.repos
    assert (one.repo.path, one.rev, one.holders, one.missing, one.bytes) == ("o/m", row.rev, (OTHER,), 2, 900)
    assert found.copies["held"].json() == {"revisions": 1, "bytes": 900, "moved": 100, "spared": 800}
    json.dumps(found.json())
