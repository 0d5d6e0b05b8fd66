"""The mirror as others ask it: no word before the work is done, and copies from which a dead log can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.following import honest_log, know, known_log
from tests.support.leaves import ORIGIN
from tests.support.logs import Log
from tests.support.memorylog import MemoryLog
from tests.support.nodes import TickingClock, make_node
from tests.support.served import LogServer

from hanse.db import cosignatures, witnesses
from hanse.db.cosignatures import Cosignature
from hanse.db.engine import Database
from hanse.errors import BadProof, BlobNotFound, NotFoundError, SizeConflict
from hanse.flows import mirror_cosign, witness
from hanse.flows.follow import Follower
from hanse.flows.node import Node
from hanse.flows.replays import Replays
from hanse.flows.witness import mirror_name, witness_name
from hanse.peers.client import PeerClient
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.cosignature import cosigner_key, verify_cosignature
from hanse.tlog.note import parse_note
from hanse.tlog.tiles import TileName


@pytest.fixture(name="clock")
def _clock() -> TickingClock:
    """Return the node's clock."""
    return TickingClock()


@pytest.fixture(name="node")
def _node(sqlite_url: URL, tmp_path: Path, clock: TickingClock) -> Iterator[Node]:
    """Return a node that mirrors."""
    database = Database(sqlite_url)
    yield make_node(database, tmp_path / "data", clock=clock)
    database.close()


@pytest.fixture(name="written")
def _written() -> Log:
    """Return the leaves of an honest log."""
    return honest_log()


@pytest.fixture(name="server")
def _server(node: Node, written: Log) -> Iterator[LogServer]:
    """Return the served log of those leaves, which the node knows with its address."""
    with known_log(node, written) as made:
        yield made


def _follow(node: Node) -> None:
    peers = PeerClient()
    Follower(node, peers, Replays(node.store)).follow(witness.find_log(node, ORIGIN))
    peers.close()


def _times(node: Node, log: MemoryLog, lines: tuple[str, ...]) -> list[int]:
    key = cosigner_key(mirror_name(node.origin), node.keys.mirror.public)
    return [verify_cosignature(log.head(), line, key) for line in lines]


def test_no_signature_before_the_work_is_done(node: Node, server: LogServer, clock: TickingClock) -> None:
    """A checkpoint is taken with an empty answer; once the log is held and replayed, the same request again is cosigned."""
    log = server.log
    assert mirror_cosign.submit(node, log.request(0)) == ()
    assert mirror_cosign.submit(node, log.request(log.size, log.size)) == ()
    _follow(node)
    clock.time += 60
    assert _times(node, log, mirror_cosign.submit(node, log.request(log.size, log.size))) == [clock.time]


def test_it_signs_with_its_own_key_only(node: Node, server: LogServer) -> None:
    """The mirror's answer has no line of the witness, the witness's none of the mirror."""
    log = server.log
    _follow(node)
    lines = mirror_cosign.submit(node, log.request(log.size, log.size))
    assert [line.split(" ")[1] for line in lines] == [mirror_name(node.origin)]
    again = witness.submit(node, log.request(log.size, log.size)).lines
    assert [line.split(" ")[1] for line in again] == [witness_name(node.origin)]


def test_a_log_that_has_moved_on(node: Node, server: LogServer, written: Log) -> None:
    """What is held is not what was submitted last: no signature until it is."""
    log = server.log
    _follow(node)
    written.ref(2)
    log.append(written.leaves[log.size :])
    held = witness.find_log(node, ORIGIN).mirrored
    assert mirror_cosign.submit(node, log.request(held)) == ()
    assert parse_note(mirror_cosign.newest_checkpoint(node, _hash())).text.split("\n")[1] == str(held)
    _follow(node)
    assert mirror_cosign.submit(node, log.request(log.size, log.size))


def test_the_rules_of_a_witness_hold(node: Node, server: LogServer) -> None:
    """Other old sizes and false proofs are refused as a witness refuses them."""
    log = server.log
    _follow(node)
    with pytest.raises(SizeConflict):
        mirror_cosign.submit(node, log.request(0))
    with pytest.raises(BadProof):
        mirror_cosign.submit(node, UnverifiedRequest(log.size, (bytes(32),), log.note()).encode())


def test_without_an_address_there_is_no_mirror(node: Node) -> None:
    """A log that was added without its address is witnessed only; nothing is recorded for the mirror."""
    log = MemoryLog(origin="example.com/log")
    log.grow(3)
    know(node, log, "")
    with pytest.raises(NotFoundError, match="where"):
        mirror_cosign.submit(node, log.request(0))
    assert witness.find_log(node, log.origin).size == 0


def _hash() -> str:
    return witnesses.origin_hash(ORIGIN)


def test_a_dead_log_is_read_from_its_mirror(node: Node, server: LogServer) -> None:
    """Checkpoint with all that is known of it, tiles and bundles: another mirror could start from this one."""
    log = server.log
    with pytest.raises(NotFoundError):
        mirror_cosign.newest_checkpoint(node, _hash())
    with pytest.raises(NotFoundError):
        mirror_cosign.read_copy(node, _hash(), TileName(0, 0, 1))
    _follow(node)
    other = Cosignature(
        ORIGIN, log.size, "w.example", "00" * 4, "witness", log.roots[log.size].hex(), 5, "\u2014 w.example AAAAAAAA"
    )
    with node.db.write() as conn:
        cosignatures.put(conn, [other])
    note = parse_note(mirror_cosign.newest_checkpoint(node, _hash()))
    others = {witness_name(node.origin), "w.example"}
    assert [line.name for line in note.signatures][:2] == [ORIGIN, mirror_name(node.origin)]
    assert {line.name for line in note.signatures[2:]} == others
    for name in (TileName(0, 0, log.size), TileName(None, 0, log.size)):
        assert mirror_cosign.read_copy(node, _hash(), name) == log.files[name.path]
    with pytest.raises(BlobNotFound):
        mirror_cosign.read_copy(node, _hash(), TileName(0, 0, log.size + 1))
