"""litewitness, a witness written by others, cosigns logs of Hanse and judges every request as Hanse's witness does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.litewitness import NAME, LiteWitness, litewitness
from tests.support.memorylog import MemoryLog
from tests.support.nodes import add_user, make_node, new_repo, running
from tests.support.served import served, until
from tests.support.signers import signer

from hanse.clock import SystemClock
from hanse.db import cosignatures, cosigners
from hanse.db.engine import Database
from hanse.flows.cosign import Cosigning
from hanse.flows.cosigners import add_cosigner, add_log
from hanse.flows.node import Node
from hanse.flows.outward import own_target
from hanse.peers.client import Answer, PeerClient
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import Checkpoint, sign_checkpoint
from hanse.tlog.note import parse_vkey

pytestmark = pytest.mark.long  # the program comes from another release of Debian than the one that tests run on


@pytest.fixture(name="lite")
def _lite(tmp_path: Path) -> Iterator[LiteWitness]:
    """Return a running litewitness that knows no log."""
    folder = tmp_path / "lite"
    folder.mkdir()
    with litewitness(folder) as made:
        yield made


@pytest.fixture(name="node")
def _node(sqlite_url: URL, tmp_path: Path) -> Iterator[Node]:
    """Return a running node with a repository in its log, on the clock of the machine."""
    database = Database(sqlite_url)
    with running(make_node(database, tmp_path / "data", clock=SystemClock())) as made:
        new_repo(made, add_user(made, "alice"), "alice/m")
        yield made
    database.close()


@pytest.fixture(name="peers")
def _peers() -> Iterator[PeerClient]:
    """Return the client that asks other servers."""
    client = PeerClient()
    yield client
    client.close()


def test_it_cosigns_our_log(node: Node, lite: LiteWitness, peers: PeerClient) -> None:
    """First contact, growth and refresh: its cosignatures verify and are kept beside the checkpoint."""
    lite.know(node.origin, node.log.key.text)
    add_cosigner(node, [lite.vkey], lite.url, "witness")
    cosigning = Cosigning(node, peers, lambda: own_target(node), 3600, pace=0.02)
    cosigning.start()
    for name in ("n", "o"):
        until(lambda: _stands(node) == node.log.size)
        new_repo(node, add_user(node, "alice"), f"alice/{name}")
    until(lambda: _stands(node) == node.log.size)
    cosigning.stop()
    with node.db.read() as conn:
        assert cosignatures.newest_size(conn, node.origin, "witness", 1) == node.log.size


def _stands(node: Node) -> int:
    with node.db.read() as conn:
        found = cosigners.find(conn, NAME, "witness")
    assert found is not None
    assert found.failure == ""
    return found.size


def requests(log: MemoryLog) -> dict[str, bytes]:
    """Return requests in the order in which they are sent, by what is wrong with them."""
    fork = MemoryLog(seed=log.seed)
    fork.grow(12, "another entry")
    other = sign_checkpoint(log.head(5), signer("somebody else"))
    broken = log.note(5).replace(b"\n5\n", b"\n6\n")
    unknown = MemoryLog(origin="unknown.example/log")
    unknown.grow(3)
    false = (bytes([log.prove(5, 7)[0][0] ^ 1]) + log.prove(5, 7)[0][1:], *log.prove(5, 7)[1:])
    return {
        "first": log.request(0, 5),
        "no request": b"hello",
        "unknown log": unknown.request(0),
        "another key": UnverifiedRequest(5, log.prove(5, 5), other).encode(),
        "broken signature": UnverifiedRequest(5, (), broken).encode(),
        "old too large": UnverifiedRequest(9, (), log.note(7)).encode(),
        "stale": log.request(0, 7),
        "rollback": log.request(3, 4),
        "false proof": UnverifiedRequest(5, false, log.note(7)).encode(),
        "no proof": UnverifiedRequest(5, (), log.note(7)).encode(),
        "fork": fork.request(5, 7),
        "same size, other root": fork.request(5, 5),
        "growth": log.request(5, 12),
        "refresh": log.request(12, 12),
        "empty root": UnverifiedRequest(0, (), sign_checkpoint(Checkpoint(log.origin, 0, bytes(32)), log.signer)).encode(),
    }


def test_both_witnesses_judge_alike(node: Node, lite: LiteWitness, peers: PeerClient) -> None:
    """Fifteen requests in a row get the same status, and the same size where they conflict, from litewitness and from Hanse.

    Hanse alone refuses an old size with a leading zero, as the specification has it.
    """
    log = MemoryLog(seed="judged")
    log.grow(12)
    lite.know(log.origin, log.vkey)
    add_log(node, [log.vkey])
    with served(node) as url:
        ours = {name: _post(peers, f"{url}/witness", body) for name, body in requests(log).items()}
    theirs = {name: _post(peers, lite.url, body) for name, body in requests(log).items()}
    assert {name: answer.status for name, answer in ours.items()} == {name: answer.status for name, answer in theirs.items()}
    conflicts = [name for name, answer in ours.items() if answer.status == 409]
    assert len(conflicts) == 3
    for name in conflicts:
        assert (ours[name].body, ours[name].media_type) == (theirs[name].body, theirs[name].media_type)


def _post(peers: PeerClient, url: str, body: bytes) -> Answer:
    return peers.post(f"{url}/add-checkpoint", body, limit=100_000)


def test_a_vkey_as_it_prints_it(lite: LiteWitness) -> None:
    """The verifier key in its own log is the one that we made from its public key."""
    assert lite.vkey in (lite.folder / "log").read_text()
    assert parse_vkey(lite.vkey).name == NAME
