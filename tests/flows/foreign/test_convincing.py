"""What an alarm is about convinces somebody who has nothing but the logs' keys, and nobody once it is altered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.attesting import settle
from tests.support.following import honest_log, know, known_log, raised, stands
from tests.support.leaves import ATTESTED, ORIGIN, OTHER, OWNER
from tests.support.logs import Log
from tests.support.memorylog import MemoryLog
from tests.support.nodes import TickingClock, commit, make_node, new_repo
from tests.support.served import LogServer, log_server

from hanse.db.engine import Database
from hanse.errors import BadFormat, BadProof, BadSignature, HanseError, NotFoundError
from hanse.flows import follow, witness
from hanse.flows.follow import Follower
from hanse.flows.foreign import convincing
from hanse.flows.foreign.convincing import complete
from hanse.flows.foreign.proved import MAX_EVIDENCE_BYTES, ChangedKeys, FalseLog, Keys, TwoTrees, judge
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.replays import Replays
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.leaf import encode_leaf
from hanse.model.repo import Origin
from hanse.model.trust_leaf import SnapshotLeaf
from hanse.peers.client import PeerClient
from hanse.sign.statement import REVIEW
from hanse.tlog.hashing import leaf_hash
from hanse.tlog.note import parse_vkey

FALSE = SnapshotLeaf(1_800_000_000, Sha256("11" * 32), Sha256("00" * 32))


@pytest.fixture(name="node")
def _node(sqlite_url: URL, tmp_path: Path) -> Iterator[Node]:
    """Return a node that follows; it has no log of its own."""
    database = Database(sqlite_url)
    yield make_node(database, tmp_path / "data", clock=TickingClock())
    database.close()


@pytest.fixture(name="peers")
def _peers() -> Iterator[PeerClient]:
    """Return the client that asks other servers."""
    client = PeerClient(seconds=60)
    yield client
    client.close()


@pytest.fixture(name="written")
def _written() -> Log:
    """Return the leaves of an honest log."""
    return honest_log()


@pytest.fixture(name="server")
def _server(node: Node, written: Log) -> Iterator[LogServer]:
    """Return the served log of those leaves, which the node knows."""
    with known_log(node, written) as made:
        yield made


def keys(*logs: MemoryLog) -> Keys:
    """Return the keys of logs as a reader has them."""
    return {Origin(log.origin): (parse_vkey(log.vkey),) for log in logs}


def followed(node: Node, peers: PeerClient, server: LogServer, written: Log) -> None:
    """Publish all leaves that were written, and follow the log until it turns out to be false."""
    server.log.append(written.leaves[server.log.size :])
    with pytest.raises(BadProof):
        Follower(node, peers, Replays(node.store)).follow(stands(node))


def test_a_log_that_turned_false(node: Node, peers: PeerClient, server: LogServer, written: Log) -> None:
    """With what it holds of the log the node shows all its leaves; they were signed, and a reader replays them."""
    Follower(node, peers, Replays(node.store)).follow(stands(node))
    written.ref(2)
    written.add(FALSE)
    written.ref(3)
    followed(node, peers, server, written)
    (alarm,) = raised(node)
    found = judge(complete(node, alarm), keys(server.log))
    assert isinstance(found, FalseLog)
    assert (found.origin, found.size) == (ORIGIN, len(written.leaves))
    with pytest.raises(BadProof, match="a part proves nothing"):
        judge(alarm.evidence, keys(server.log))
    with pytest.raises(BadSignature):
        judge(complete(node, alarm), {})
    told = json.loads(complete(node, alarm))
    for altered in (
        {"leaves": told["leaves"][:-1]},
        {"leaves": "x"},
        {"leaves": ["x", *told["leaves"][1:]]},
        {"proof": ["00" * 32]},
    ):
        with pytest.raises((BadProof, BadFormat)):
            judge(json.dumps(told | altered).encode(), keys(server.log))


def test_it_is_found_among_many(
    node: Node, peers: PeerClient, server: LogServer, written: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many entries that were read at once the true ones are held; what is kept of the others is little and still enough."""
    monkeypatch.setattr(follow, "SHOWN_ENTRIES", 4)
    for number in range(2, 12):
        written.ref(number)
    at = len(written.leaves)
    written.add(FALSE)
    for number in range(12, 20):
        written.ref(number)
    followed(node, peers, server, written)
    (alarm,) = raised(node)
    kept = json.loads(alarm.evidence)
    assert len(kept["leaves"]) <= 4
    assert kept["from"] == stands(node).mirrored
    assert kept["from"] <= at < kept["from"] + len(kept["leaves"])
    found = judge(complete(node, alarm), keys(server.log))
    assert isinstance(found, FalseLog)
    assert found.size < len(written.leaves)


def test_a_leaf_that_is_no_text(node: Node, peers: PeerClient, server: LogServer, written: Log) -> None:
    """Bytes that are no UTF-8 are shown as they were signed."""
    written.add(b"\xff\x00")
    followed(node, peers, server, written)
    (alarm,) = raised(node)
    assert isinstance(judge(complete(node, alarm), keys(server.log)), FalseLog)


def test_a_change_of_owner(node: Node, peers: PeerClient) -> None:
    """The leaves of both keys are shown, in the last checkpoint that the mirror reached."""
    log, written = MemoryLog(origin="owners.example.org", seed="owners"), Log(origin=Origin("owners.example.org"))
    written.key()
    for owner in (OWNER, OTHER):
        written.key(owner, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    written.repo()
    log.append(written.leaves)
    with log_server(log) as server:
        Follower(node, peers, Replays(node.store)).follow(know(node, log, server.url))
    (alarm,) = raised(node)
    found = judge(complete(node, alarm), keys(log))
    assert isinstance(found, ChangedKeys)
    assert (found.origin, found.size) == (log.origin, 3)
    assert "namespace org has the new key" in found.says[0]


@contextmanager
def saying(node: Node, peers: PeerClient, origin: str, *leaves: bytes) -> Iterator[MemoryLog]:
    """Let the node follow a log with these leaves, and give that log."""
    log = MemoryLog(origin=origin, seed=origin)
    log.append(leaves)
    with log_server(log) as server:
        Follower(node, peers, Replays(node.store)).follow(know(node, log, server.url))
        yield log


def test_two_trees(node: Node, peers: PeerClient) -> None:
    """Both leaves are proved to be in the logs, whose keys it takes; leaves that agree prove nothing."""
    other = encode_leaf(replace(ATTESTED, tree=Sha256("ee" * 32)))
    with (
        saying(node, peers, "one.example.org", encode_leaf(ATTESTED)) as one,
        saying(node, peers, "two.example.org", other) as two,
    ):
        (alarm,) = raised(node)
        assert (alarm.kind, alarm.repo) == ("two-trees", "org/name")
        shown = complete(node, alarm)
    found = judge(shown, keys(one, two))
    assert found == TwoTrees("org/name", ATTESTED.rev, (Origin(one.origin), Origin(two.origin)), (ATTESTED.tree, "ee" * 32))
    with pytest.raises(BadSignature):
        judge(shown, keys(one))
    first, second = json.loads(shown)["trees"]
    for false in ([first, first], [first], [first, second | {"leaf": first["leaf"]}], [first, second | {"proof": 1}], [1, 2]):
        with pytest.raises(HanseError):
            judge(json.dumps({"trees": false}).encode(), keys(one, two))
    with pytest.raises(BadFormat, match="has a checkpoint"):
        judge(alarm.evidence, keys(one, two))


def test_only_manifests_convict() -> None:
    """A review of other files is no second tree: nobody is convicted by leaves that say something else than a manifest."""
    shown, log = [], MemoryLog(origin="one.example.org", seed="one.example.org")
    leaves = [encode_leaf(replace(ATTESTED, tree=Sha256(tree * 32), predicate=REVIEW)) for tree in ("11", "ee")]
    log.append(leaves)
    for index, leaf in enumerate(leaves):
        proof = [leaf_hash(leaves[1 - index]).hex()]
        note = log.note().decode()
        shown.append({"log": log.origin, "index": index, "leaf": leaf.decode(), "checkpoint": note, "proof": proof})
    with pytest.raises(BadProof, match="no signed manifest"):
        judge(json.dumps({"trees": shown}).encode(), keys(log))


def test_another_tree_than_is_signed_here(lite: Node, owner: Actor, peers: PeerClient) -> None:
    """What another log says of a revision that this node signed is compared with that, and shown from both logs."""
    repo = new_repo(lite, owner, "owner/m")
    made = commit(lite, owner, repo, PutBytes("a", b"1"))
    settle(lite)
    mine = [data for data in lite.log.leaves(0, lite.log.size) if b'"kind":"attest"' in data and made.rev.encode() in data]
    moved = [data.replace(made.tree.encode(), b"9" * 64) for data in mine]
    with saying(lite, peers, "b.example.org", *moved) as log:
        (alarm,) = raised(lite)
        found = judge(complete(lite, alarm), {lite.origin: (lite.log.key,)} | dict(keys(log)))
    assert isinstance(found, TwoTrees)
    assert (found.logs, found.trees) == ((lite.origin, log.origin), (made.tree, "9" * 64))


def test_what_is_larger_than_anybody_reads(
    node: Node, peers: PeerClient, server: LogServer, written: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a log that is too large the way on is told: whoever doubts it replays it."""
    Follower(node, peers, Replays(node.store)).follow(stands(node))
    written.add(FALSE)
    followed(node, peers, server, written)
    (alarm,) = raised(node)
    log = stands(node)
    bare = 2 * len(log.note) + sum(len(one) + 8 for one in written.leaves[: log.mirrored])
    for spare in (MAX_EVIDENCE_BYTES, MAX_EVIDENCE_BYTES - bare):  # quotes within leaves take room in the evidence, too
        monkeypatch.setattr(convincing, "_SPARE", spare)
        with pytest.raises(NotFoundError, match="are more than"):
            complete(node, alarm)


def test_what_is_not_held_is_left_as_it_is(node: Node, peers: PeerClient, server: LogServer, written: Log) -> None:
    """Where the copy is gone the evidence is what was kept, and alarms that need nothing more stay as they are."""
    Follower(node, peers, Replays(node.store)).follow(stands(node))
    written.add(FALSE)
    followed(node, peers, server, written)
    (alarm,) = raised(node)
    gone = replace(alarm, origin="gone.example.org")
    assert complete(node, gone) == alarm.evidence
    assert complete(node, replace(gone, kind="owner-change")) == alarm.evidence
    assert complete(node, replace(alarm, kind="equivocation")) == alarm.evidence
    assert witness.find_log(node, ORIGIN).mirrored < server.log.size
