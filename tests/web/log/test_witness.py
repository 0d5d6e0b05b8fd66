"""Statuses, types and bodies of tlog-witness and tlog-mirror over HTTP; tests/flows/test_witness.py has the rules behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.leaves import ORIGIN
from tests.support.logs import operator_log
from tests.support.memorylog import MemoryLog
from tests.support.nodes import make_node
from tests.support.rawhttp import RawClient, Reply
from tests.support.served import log_server, served
from tests.support.signers import signer

from hanse.db.engine import Database
from hanse.db.witnesses import origin_hash
from hanse.flows import witness
from hanse.flows.cosigners import add_log, own_keys
from hanse.flows.follow import Follower
from hanse.flows.node import Node
from hanse.flows.replays import Replays
from hanse.peers.client import PeerClient
from hanse.peers.logclient import LogClient
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import sign_checkpoint
from hanse.tlog.cosignature import verify_cosignatures
from hanse.tlog.note import parse_note, parse_signature_lines
from hanse.tlog.tiles import TileName


@pytest.fixture(name="node")
def _node(sqlite_url: URL, tmp_path: Path) -> Iterator[Node]:
    """Return a node."""
    database = Database(sqlite_url)
    yield make_node(database, tmp_path / "data" / "objects")
    database.close()


@pytest.fixture(name="client")
def _client(node: Node) -> Iterator[RawClient]:
    """Return a client of the served node, without a token."""
    with served(node) as url, RawClient(int(url.rpartition(":")[2]), "") as client:
        yield client


@pytest.fixture(name="log")
def _log(node: Node) -> MemoryLog:
    """Return a log of 12 entries that the node witnesses."""
    log = MemoryLog()
    log.grow(12)
    add_log(node, [log.vkey])
    return log


def post(client: RawClient, body: bytes, at: str = "witness") -> Reply:
    """Return the answer to add-checkpoint."""
    return client("POST", f"/{at}/add-checkpoint", body)


def test_success(client: RawClient, node: Node, log: MemoryLog) -> None:
    """200 with signature lines, each after an em dash and with its newline, which verify."""
    answer = post(client, log.request(0))
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    (line,) = parse_signature_lines(answer.body)
    assert answer.body == f"{line.text}\n".encode()
    assert verify_cosignatures(log.head(), [line], [own_keys(node)["witness"]])


def test_conflict(client: RawClient, log: MemoryLog) -> None:
    """409 with the size in decimal, a newline, and exactly the media type of the specification."""
    post(client, log.request(0, 7))
    answer = post(client, log.request(0))
    assert (answer.status, answer.headers["content-type"], answer.body) == (409, "text/x.tlog.size", b"7\n")


def test_refusals(client: RawClient, log: MemoryLog) -> None:
    """400, 403, 404, 413 and 422 for what is malformed, unsigned, unknown, too large and inconsistent; a GET finds nothing."""
    stranger = MemoryLog(origin="elsewhere.example/log")
    stranger.grow(1)
    forged = UnverifiedRequest(0, (), sign_checkpoint(log.head(), signer("x"))).encode()
    statuses = {
        400: b"old one\n\n",
        403: forged,
        404: stranger.request(0),
        413: bytes(600_000),
        422: UnverifiedRequest(0, (bytes(32),), log.note()).encode(),
    }
    for status, body in statuses.items():
        assert post(client, body).status == status
    assert client("GET", "/witness/add-checkpoint").status == 404


def test_monitors(client: RawClient, log: MemoryLog) -> None:
    """The newest cosigned checkpoint by the hash of the origin, never from a cache; 404 before the first."""
    path = f"/witness/{origin_hash(log.origin)}/checkpoint"
    assert client("GET", path).status == 404
    post(client, log.request(0))
    answer = client("GET", path)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")
    assert len(parse_note(answer.body).signatures) == 2


def test_a_mirror_is_a_log(client: RawClient, node: Node) -> None:
    """Empty before the log is held; then cosigned, and the copy is read like any other log, for ever cacheable."""
    log, peers = MemoryLog(origin=ORIGIN), PeerClient()
    log.append(operator_log().leaves)
    with log_server(log) as server:
        add_log(node, [log.vkey], server.url)
        first = post(client, log.request(0), "mirror")
        assert (first.status, first.body) == (200, b"")
        assert client("GET", f"/mirror/{origin_hash(ORIGIN)}/checkpoint").status == 404
        Follower(node, peers, Replays(node.store)).follow(witness.find_log(node, ORIGIN))
    again = post(client, log.request(log.size, log.size), "mirror")
    assert verify_cosignatures(log.head(), parse_signature_lines(again.body), [own_keys(node)["mirror"]])
    copy = LogClient(peers, f"http://127.0.0.1:{client.port}/mirror/{origin_hash(ORIGIN)}")
    assert parse_note(copy.checkpoint()).text == log.head().text
    assert copy.tile(TileName(0, 0, log.size)) == log.tile(TileName(0, 0, log.size))
    assert list(copy.bundle(0, log.size)) == operator_log().leaves
    path = f"/mirror/{origin_hash(ORIGIN)}/tile/"
    assert "immutable" in client("GET", f"{path}0/000.p/{log.size}").headers["cache-control"]
    assert {client("GET", path + bad).status for bad in ("0/001", "x", "entries/000.p/200", "../../keys")} == {404}
    peers.close()
