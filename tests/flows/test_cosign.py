"""Gathering cosignatures: from real witnesses over HTTP, in the background, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.attesting import settle
from tests.support.memorylog import MemoryLog
from tests.support.nodes import TickingClock, add_user, commit, fresh_catalogue, make_node, new_repo, running
from tests.support.served import served, silent_server, until
from tests.support.signers import signer
from tests.support.verifying import LATEST, policy_of, verify

from hanse.db import alarms, cosignatures, cosigners, witnesses
from hanse.db.cosigners import Cosigner
from hanse.db.engine import Database
from hanse.db.repos import Repo
from hanse.errors import RolledBack
from hanse.flows import evidence, witness
from hanse.flows.access import find_named
from hanse.flows.cosign import Cosigning, target_of
from hanse.flows.cosigners import policy, reader_policy, witness_keys
from hanse.flows.keyring import Keyring
from hanse.flows.node import Node
from hanse.flows.outward import own_target
from hanse.flows.publish import PutBytes
from hanse.flows.witness import witness_name
from hanse.model.actor import ANONYMOUS
from hanse.model.publickey import Scheme
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.peers.client import PeerClient
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.cosignature import cosigner_key, verify_cosignatures
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.note import parse_note
from hanse.tlog.tlogpolicy import parse_tlog_policy

REFRESH = 3600


@pytest.fixture(name="clock")
def _clock() -> TickingClock:
    """Return the clock of all nodes of a test."""
    return TickingClock()


@pytest.fixture(name="node")
def _node(sqlite_url: URL, tmp_path: Path, clock: TickingClock) -> Iterator[Node]:
    """Return a running node with a repository in its log."""
    database = Database(sqlite_url)
    with running(make_node(database, tmp_path / "data", clock=clock)) as made:
        alice = add_user(made, "alice")
        commit(made, alice, new_repo(made, alice, "alice/m"), PutBytes("a", b"1"))
        yield made
    database.close()


@pytest.fixture(name="peers")
def _peers() -> Iterator[PeerClient]:
    """Return the client that asks other servers."""
    client = PeerClient(seconds=60)
    yield client
    client.close()


@dataclass
class Others:
    """Makes witnesses with catalogues of their own, served over HTTP, which know the node's log."""

    node: Node
    folder: Path
    stack: ExitStack

    def add(self, name: str, *, known: bool = True, asked: bool = True, ring: Keyring | None = None) -> Node:
        """Return a witness; known: it knows the log; asked: the node asks it; ring: its keys."""
        folder = self.folder / name
        folder.mkdir()
        database = fresh_catalogue(folder)
        self.stack.callback(database.close)
        other = replace(make_node(database, folder / "data", clock=self.node.clock), origin=Origin(f"{name}.example.org"))
        other = other if ring is None else replace(other, keys=ring)
        if known:
            know(other, self.node.origin, self.node.log.key.text)
        url = self.stack.enter_context(served(other))
        if asked:
            ask_of(self.node, other, f"{url}/witness")
        return other


@pytest.fixture(name="others")
def _others(node: Node, tmp_path: Path) -> Iterator[Others]:
    """Return what makes witnesses."""
    with ExitStack() as stack:
        yield Others(node, tmp_path, stack)


def know(other: Node, origin: str, vkey: str) -> None:
    """Let a node witness a log."""
    with other.db.write() as conn:
        witnesses.add(conn, origin, (vkey,), "", EMPTY_ROOT.hex())


def ask_of(node: Node, other: Node, url: str, vkey: str = "") -> None:
    """Let a node ask another one for cosignatures."""
    name = witness_name(other.origin)
    key = vkey or "\n".join(key.text for key in witness_keys(other))
    with node.db.write() as conn:
        cosigners.put(conn, Cosigner(name, "witness", key, url, 0))


def gathering(node: Node, peers: PeerClient) -> Cosigning:
    """Return what gathers cosignatures of the node's log; nothing runs before it is told to."""
    return Cosigning(node, peers, lambda: own_target(node), REFRESH, pace=0.02)


def rows(node: Node, origin: str = "") -> dict[str, int]:
    """Return the cosigners of the newest cosigned size, with the times of their cosignatures."""
    with node.db.read() as conn:
        sizes = cosignatures.sizes(conn, origin or node.origin, 1)
        return cosignatures.times(conn, origin or node.origin, sizes[0]) if sizes else {}


def asked(node: Node, name: str) -> Cosigner:
    """Return how a cosigner stands."""
    with node.db.read() as conn:
        found = cosigners.find(conn, name, "witness")
    assert found is not None
    return found


def node_repo(node: Node) -> Repo:
    """Return the repository of the node."""
    return find_named(node, ANONYMOUS, RepoId(node.origin, RepoType.MODEL, "alice", "m"))


def one_round(node: Node, peers: PeerClient, done: Callable[[], object]) -> None:
    """Ask everybody once and wait for the outcome."""
    cosigning = gathering(node, peers)
    assert cosigning.step()
    until(done)
    cosigning.stop()


def test_cosignatures_are_gathered(node: Node, others: Others, peers: PeerClient, clock: TickingClock) -> None:
    """All witnesses cosign the newest checkpoint, which then carries their lines and satisfies whoever asks for them."""
    made = [others.add("w1"), others.add("w2")]
    one_round(node, peers, lambda: len(rows(node)) == 2)
    assert set(rows(node).values()) == {clock.time}
    names = [line.name for line in parse_note(node.log.checkpoint()).signatures]
    assert names == [node.origin, *(witness_name(other.origin) for other in made)]
    with node.db.read() as conn:
        assert cosignatures.newest_size(conn, node.origin, "witness", 2) == node.log.size
        assert cosignatures.newest_size(conn, node.origin, "witness", 3) is None


def test_a_witness_with_two_keys(node: Node, others: Others, peers: PeerClient) -> None:
    """A witness with an ML-DSA-44 key cosigns in both kinds; both lines reach readers, and count as one witness."""
    ring = replace(node.keys, witness=signer("w"), witness_ml_dsa=signer("w", Scheme.ML_DSA_44))
    name = others.add("w1", ring=ring).origin
    one_round(node, peers, lambda: len(rows(node)) == 1)
    head = open_checkpoint(node.log.checkpoint(), node.log.key)
    keys = [cosigner_key(witness_name(name), one.public) for one in ring.witnesses]
    assert {one.key for one in verify_cosignatures(head.checkpoint, head.note.signatures, keys)} == set(keys)
    with node.db.read() as conn:
        assert cosignatures.newest_size(conn, node.origin, "witness", 2) is None
    asked = parse_tlog_policy(policy(node, "witness", None, ml_dsa=True))
    assert asked.satisfied(asked.names(keys[1:]))
    assert not asked.satisfied(asked.names(keys[:1]))
    settle(node)
    one_round(node, peers, lambda: rows(node) and node.log.checkpoint().count(name.encode()) == 2)
    rev, shown = evidence.of_revision(node, node_repo(node), "main")
    reader = policy_of(reader_policy(node, None, ml_dsa=True).replace("careful", "open"))
    found = verify(shown, policy=reader, want=replace(LATEST, repo="alice/m", ref=None, rev=rev))
    assert [one.key for one, _ in found.logs[0].witnesses] == keys[1:]


def test_a_growing_log_is_cosigned_again(node: Node, others: Others, peers: PeerClient) -> None:
    """Running by itself, gathering follows the log: what was published is cosigned a moment later, by proofs from its tiles."""
    others.add("w1")
    alice = add_user(node, "alice")
    repo = new_repo(node, alice, "alice/n")
    cosigning = gathering(node, peers)
    cosigning.start()
    for number in range(3):
        commit(node, alice, repo, PutBytes("f", b"%d" % number))
        until(lambda: asked(node, "w1.example.org/witness").size == node.log.size)
    cosigning.stop()


def test_a_dead_witness_slows_nobody(node: Node, others: Others, peers: PeerClient) -> None:
    """With one witness that never answers, publishing and the cosignatures of the others go on while it is being waited for."""
    others.add("w1")
    alice = add_user(node, "alice")
    repo = new_repo(node, alice, "alice/n")
    with silent_server() as (url, held):
        ask_of(node, replace(node, origin=Origin("dead.example.org")), url)
        cosigning = gathering(node, peers)
        cosigning.start()
        until(lambda: held)
        for number in range(3):
            commit(node, alice, repo, PutBytes("f", b"%d" % number))
        until(lambda: asked(node, "w1.example.org/witness").size == node.log.size)
        assert asked(node, "dead.example.org/witness").asked_at == 0  # still being waited for
        cosigning.stop()


def test_a_witness_that_is_down_is_told(node: Node, peers: PeerClient) -> None:
    """What is in the way is kept as text for the operator, and the cosigner is asked again later, not at once."""
    ask_of(node, replace(node, origin=Origin("down.example.org")), "http://127.0.0.1:9/witness")
    cosigning = gathering(node, peers)
    assert cosigning.step() == 1
    until(lambda: asked(node, "down.example.org/witness").failure)
    assert asked(node, "down.example.org/witness").failure.startswith("PeerDown: ")
    assert cosigning.step() == 0
    cosigning.stop()


def test_an_idle_log_is_refreshed(node: Node, others: Others, peers: PeerClient, clock: TickingClock) -> None:
    """The same size is cosigned again after `refresh` seconds, with a newer time, and not before."""
    others.add("w1")
    one_round(node, peers, lambda: rows(node))
    before = rows(node)
    clock.time += REFRESH - 1
    assert gathering(node, peers).step() == 0
    clock.time += 1
    one_round(node, peers, lambda: rows(node) != before)
    assert rows(node) == {name: time + REFRESH for name, time in before.items()}


def test_a_witness_that_stands_elsewhere(node: Node, others: Others, peers: PeerClient) -> None:
    """Where a witness stands is learnt from its 409, if it was forgotten here or somebody else submitted in between."""
    other = others.add("w1")
    one_round(node, peers, lambda: rows(node))
    alice = add_user(node, "alice")
    new_repo(node, alice, "alice/n")
    with node.db.write() as conn:
        cosigners.record(conn, asked(node, witness_name(other.origin)), size=0, asked_at=0, failure="")
    one_round(node, peers, lambda: asked(node, witness_name(other.origin)).size == node.log.size)


def test_a_witness_that_does_not_know_the_log(node: Node, others: Others, peers: PeerClient) -> None:
    """A refusal is told with the witness's own words."""
    other = others.add("w1", known=False)
    one_round(node, peers, lambda: asked(node, witness_name(other.origin)).failure)
    assert "404" in asked(node, witness_name(other.origin)).failure
    assert "does not know the log" in asked(node, witness_name(other.origin)).failure


def test_only_the_keys_of_the_cosigner_count(node: Node, others: Others, peers: PeerClient) -> None:
    """Lines of other keys, also under the right name, are no cosignatures of it."""
    other = others.add("w1")
    name = witness_name(other.origin)
    wrong = cosigner_key(name, node.keys.mirror.public).text
    with node.db.write() as conn:
        cosigners.put(conn, replace(asked(node, name), vkey=wrong))
    one_round(node, peers, lambda: asked(node, name).failure)
    assert "other keys" in asked(node, name).failure
    assert rows(node) == {}


def test_a_clock_ahead_is_refused(node: Node, others: Others, peers: PeerClient, clock: TickingClock) -> None:
    """A cosignature of tomorrow would look fresh for too long."""
    other = others.add("w1")
    clock.time += 86400
    witness.submit(other, witness_request(node))
    clock.time -= 86400
    one_round(node, peers, lambda: asked(node, witness_name(other.origin)).failure)
    assert "clock" in asked(node, witness_name(other.origin)).failure


def witness_request(node: Node) -> bytes:
    """Return the request for the newest checkpoint of the node's log from size 0."""
    return b"old 0\n\n" + node.log.checkpoint()


def test_a_log_that_lost_its_end_stops(node: Node, others: Others, peers: PeerClient, tmp_path: Path) -> None:
    """A node restored from an older backup learns that it must stop: a witness shows a checkpoint that its own key signed."""
    other = others.add("w1", asked=False)
    new_repo(node, add_user(node, "alice"), "alice/n")
    witness.submit(other, witness_request(node))
    (tmp_path / "old").mkdir()
    old = fresh_catalogue(tmp_path / "old")
    restored = replace(make_node(old, tmp_path / "restored"), keys=node.keys)
    restored = replace(restored, log=type(node.log)(old, restored.store, node.origin, node.keys.log))
    with running(restored):
        new_repo(restored, add_user(restored, "alice"), "alice/m")
        assert restored.log.size < node.log.size
        with served(other) as url:
            ask_of(restored, other, f"{url}/witness")
            one_round(restored, peers, lambda: asked(restored, witness_name(other.origin)).failure)
    assert "lost its end" in asked(restored, witness_name(other.origin)).failure
    with pytest.raises(RolledBack):
        restored.log.checkpoint()
    assert own_target(restored) is None
    with old.read() as conn:
        assert [alarm.kind for alarm in alarms.every(conn)] == ["lost-end"]
    old.close()


def test_a_witness_cannot_make_that_up(node: Node, others: Others, peers: PeerClient) -> None:
    """That a witness merely says a larger size stops nothing: without the log's own signature it is a failure of the witness."""
    other = others.add("w1", known=False)
    forged = MemoryLog(origin=node.origin, seed="not the log's key")
    forged.grow(50)
    know(other, node.origin, forged.vkey)
    witness.submit(other, forged.request(0))
    with other.db.write() as conn:
        witnesses.add(conn, node.origin, (node.log.key.text,), "", EMPTY_ROOT.hex())
    one_round(node, peers, lambda: asked(node, witness_name(other.origin)).failure)
    assert "not signed by the log" in asked(node, witness_name(other.origin)).failure
    assert node.log.checkpoint()


def test_a_silent_log_is_refreshed_by_its_readers(node: Node, others: Others, peers: PeerClient, clock: TickingClock) -> None:
    """With its operator gone, a log's last checkpoint gets newer cosignatures through any node that knows it."""
    log = MemoryLog()
    log.grow(9)
    other = others.add("w1")
    for each in (node, other):
        know(each, log.origin, log.vkey)
        witness.submit(each, log.request(0))
    gathering_done = gathering(node, peers)
    gathering_done.step()
    until(lambda: rows(node))
    gathering_done.stop()
    clock.time += 2 * REFRESH
    one_round(node, peers, lambda: rows(node, log.origin))
    assert rows(node, log.origin) == {"w1.example.org/witness": clock.time}
    note = parse_note(witness.newest_checkpoint(node, witnesses.origin_hash(log.origin)))
    assert [line.name for line in note.signatures] == [log.origin, witness_name(node.origin), witness_name(other.origin)]
    assert witness.find_log(node, log.origin).time == clock.time


def test_no_proof_without_a_copy(node: Node) -> None:
    """A witness keeps no tiles, so it can refresh where others stand at the same size, and says so where they do not."""
    log = MemoryLog()
    log.grow(9)
    know(node, log.origin, log.vkey)
    target = target_of(node, witness.submit(node, log.request(0)).log)
    assert target.prove(0) == target.prove(9) == ()
    with pytest.raises(Exception, match="are not here"):
        target.prove(4)


def test_one_process_asks(node: Node, others: Others, peers: PeerClient) -> None:
    """Of several processes of a node only the one with the lease asks."""
    others.add("w1")
    one, two = gathering(node, peers), gathering(node, peers)
    assert one.step() == 1
    assert two.step() == 0
    until(lambda: rows(node))
    one.stop()
    two.stop()
