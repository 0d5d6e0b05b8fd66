"""Looking into a log over HTTP: first contact, growth, proofs, and the replay of all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.attesting import settle
from tests.support.memorylog import MemoryLog
from tests.support.nodes import add_user, commit, new_repo
from tests.support.served import LogServer, log_server, served
from tests.support.signers import signer

from hanse.errors import BadFormat, BadProof, BadSignature, Equivocation, HanseError, PeerRefused, RolledBack
from hanse.flows.inspect_log import check_earlier, check_whole_log, known_cosignatures, newest_leaves, open_log_at, prove_leaf
from hanse.flows.node import Node
from hanse.flows.pins import read_pins
from hanse.flows.publish import PutBytes
from hanse.model.decision import Known
from hanse.model.key_leaf import KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.leaf import encode_leaf, leaf_hash
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient
from hanse.tlog.note import NoteKey, parse_vkey
from hanse.tlog.tlogproof import parse_tlog_proof, verify_tlog_proof

NOW = 1_800_000_000


@pytest.fixture(name="client")
def _client() -> Iterator[PeerClient]:
    with closing(PeerClient()) as client:
        yield client


@pytest.fixture(name="foreign")
def _foreign() -> MemoryLog:
    """Return somebody else's log, whose leaves are none of ours."""
    log = MemoryLog("log.example.com")
    log.grow(300)
    return log


def test_a_nodes_log_is_checked_to_its_end(lite: Node, client: PeerClient, tmp_path: Path) -> None:
    """Every leaf is replayed, maps and tiles are compared; the log is pinned with the keys that it cosigns with."""
    alice = add_user(lite, "alice")
    repo = new_repo(lite, alice, "alice/m")
    for number in range(5):
        commit(lite, alice, repo, PutBytes("a", b"%d" % number))
    settle(lite)
    told: list[int] = []
    with served(lite) as url:
        log = open_log_at(client, url, tmp_path, NOW)
        assert (log.origin, log.size, log.known) == (lite.origin, lite.log.size, Known.NEW)
        found = check_whole_log(log, tmp_path, NOW, told.append)
        again = open_log_at(client, f"{url}/log", tmp_path, NOW)
        newest = newest_leaves(again, 3)
    assert (sum(told), found.refs, found.advisories, found.covered, found.understood, found.alarms) == (
        log.size,
        1,
        0,
        True,
        True,
        (),
    )
    assert found.roots == lite.log.snapshot(log.size).maps.roots
    assert found.files > 0
    pins = read_pins(tmp_path, lite.origin)
    assert {parse_vkey(text).name for text in pins.cosigners} == {f"{lite.origin}/witness", f"{lite.origin}/mirror"}
    assert again.known is Known.PINNED
    assert [index for index, _ in newest] == [log.size - 3, log.size - 2, log.size - 1]


def test_a_proof_is_checked_without_a_network(foreign: MemoryLog, client: PeerClient, tmp_path: Path) -> None:
    """What `prove` writes is a C2SP tlog-proof of any log's leaf, for whoever has its key."""
    with log_server(foreign) as server:
        log = open_log_at(client, server.url, tmp_path, NOW, foreign.vkey)
        proof, leaf = prove_leaf(log, 270)
        with pytest.raises(BadFormat):
            prove_leaf(log, 300)
    assert leaf == b"entry 270"
    verify_tlog_proof(parse_tlog_proof(proof.encode()), leaf_hash(leaf), parse_vkey(foreign.vkey))


def test_an_earlier_checkpoint(foreign: MemoryLog, client: PeerClient, tmp_path: Path) -> None:
    """A checkpoint that somebody brings must be by the log's key, and of leaves that the log still has."""
    earlier, other = foreign.note(), MemoryLog("log.example.com")
    other.grow(299, "other")
    foreign.grow(40)
    with log_server(foreign) as server:
        log = open_log_at(client, server.url, tmp_path, NOW, foreign.vkey)
        assert check_earlier(log, earlier) == 300
        assert check_earlier(log, foreign.note()) == 340
        with pytest.raises(BadProof):
            check_earlier(log, other.note())
        with pytest.raises(BadSignature):
            check_earlier(log, MemoryLog("log.example.com", "another key").note())
        foreign.grow(1)
        with pytest.raises(RolledBack):
            check_earlier(log, foreign.note())


def test_a_foreign_log_needs_its_key(foreign: MemoryLog, client: PeerClient, tmp_path: Path) -> None:
    """A log that registers no key in its leaves cannot be met without one, and its leaves are not ours to replay."""
    with log_server(foreign) as server:
        with pytest.raises(BadSignature, match="does not say with which key it signs"):
            open_log_at(client, server.url, tmp_path, NOW)
        with pytest.raises(BadSignature):
            open_log_at(client, server.url, tmp_path, NOW, MemoryLog(foreign.origin, "another").vkey)
        log = open_log_at(client, server.url, tmp_path, NOW, foreign.vkey)
        with pytest.raises(BadProof, match="cannot be read"):
            check_whole_log(log, tmp_path, NOW)
        assert known_cosignatures(log, tmp_path) == ((), ())


def _shrink(server: LogServer) -> None:
    server.shown = server.log.note(200)


def _fork(server: LogServer) -> None:
    server.log = MemoryLog(server.log.origin)
    server.log.grow(300, "other")


def _longer_fork(server: LogServer) -> None:
    server.log = MemoryLog(server.log.origin)
    server.log.grow(310, "other")


def _other_key(server: LogServer) -> None:
    server.log.seed = "another"


def _gone(server: LogServer) -> None:
    server.faults["checkpoint"] = None


@pytest.mark.parametrize(
    ("attack", "error"),
    [(_shrink, RolledBack), (_fork, Equivocation), (_longer_fork, BadProof), (_other_key, BadSignature), (_gone, PeerRefused)],
)
def test_a_log_that_was_seen_is_held_to_it(
    attack: Callable[[LogServer], None], error: type[HanseError], foreign: MemoryLog, client: PeerClient, tmp_path: Path
) -> None:
    """Shorter, forked at the same or a larger size, signed by another key, or gone: nothing of it is taken."""
    with log_server(foreign) as server:
        open_log_at(client, server.url, tmp_path, NOW, foreign.vkey)
        before = read_pins(tmp_path, Origin(foreign.origin))
        attack(server)
        with pytest.raises(error):
            open_log_at(client, server.url, tmp_path, NOW)
    assert read_pins(tmp_path, Origin(foreign.origin)) == before


def _key_leaf(log: MemoryLog, seed: str, by: str = "") -> bytes:
    """Return the leaf that registers a log key, handed over by an earlier one."""
    public, earlier = signer(seed).public, signer(by).public.fingerprint if by else ""
    origin = Origin(log.origin)
    leaf = KeyLeaf(NOW, origin, KeyOp.ADD, KeyUse.LOG, public.fingerprint, public.text, by=earlier)
    if by:
        import base64
        from dataclasses import replace

        leaf = replace(leaf, sig=base64.b64encode(signer(by).sign(handover_bytes(leaf))).decode())
    return encode_leaf(leaf)


def test_a_log_may_change_its_key_by_a_hand_over(client: PeerClient, tmp_path: Path) -> None:
    """The key that was pinned signs for the next one in a leaf; without that leaf the log is refused."""
    log = MemoryLog("log.example.com", "first")
    log.append([_key_leaf(log, "first")])
    with log_server(log) as server:
        assert open_log_at(client, server.url, tmp_path, NOW).known is Known.NEW
        log.seed = "thief"
        log.append([_key_leaf(log, "thief")])
        with pytest.raises(BadSignature):
            open_log_at(client, server.url, tmp_path, NOW)
        log.append([_key_leaf(log, "second", by="first")])
        log.seed = "second"
        found = open_log_at(client, server.url, tmp_path, NOW)
    assert (found.known, found.verified.by) == (Known.PINNED, (NoteKey(log.origin, signer("second").public, 1),))
    pins = read_pins(tmp_path, Origin(log.origin))
    assert pins.log is not None
    assert [parse_vkey(text).public for text in pins.log.vkeys] == [signer("second").public]


def _leaves(node: Node) -> list[bytes]:
    """Return the leaves of a node's log after it published something."""
    alice = add_user(node, "alice")
    commit(node, alice, new_repo(node, alice, "alice/m"), PutBytes("a", b"1"))
    return [node.log.leaf(index) for index in range(node.log.size)]


def test_a_false_tile_is_found(lite: Node, client: PeerClient, tmp_path: Path) -> None:
    """A log whose hash tiles are not those of its leaves is broken for everybody who asks for proofs."""
    entries = _leaves(lite)
    log = MemoryLog(lite.origin)
    log.append(entries)
    with log_server(log) as server:
        found = open_log_at(client, server.url, tmp_path, NOW, log.vkey)
        assert check_whole_log(found, tmp_path, NOW).log.size == len(entries)
        for path in [path for path in log.files if path.startswith("tile/0/")]:
            server.faults[path] = lambda data: bytes(32) + data[32:]
        with pytest.raises(BadProof, match="serves a false tile/0"):
            check_whole_log(found, tmp_path, NOW)


def test_leaves_of_another_root_are_found(lite: Node, client: PeerClient, tmp_path: Path) -> None:
    """Entries that do not make the checkpoint's root are not those of the log."""
    entries = _leaves(lite)
    log, other = MemoryLog(lite.origin), MemoryLog(lite.origin)
    log.append(entries)
    other.append(entries[:-1])
    other.append([entries[-1].replace(b'"v":1}', b'"v":2}')])
    with log_server(log) as server:
        found = open_log_at(client, server.url, tmp_path, NOW, log.vkey)
        server.log = other
        server.shown = log.note()
        with pytest.raises(BadProof):
            check_whole_log(found, tmp_path, NOW)
