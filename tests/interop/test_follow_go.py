"""A log made with Go's checksum database packages is followed and cosigned, and refused where it lies; Go accepts the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.gosumdb import GoLog, check
from tests.support.nodes import make_node
from tests.support.served import folder_server

from hanse.db.engine import Database
from hanse.errors import BadFormat, BadProof, BadSignature
from hanse.flows import witness
from hanse.flows.cosigners import add_log, own_keys
from hanse.flows.follow import Follower
from hanse.flows.node import Node
from hanse.flows.replays import Replays
from hanse.peers.client import PeerClient

ORIGIN = "go.example/log"


@pytest.fixture(name="node")
def _node(sqlite_url: URL, tmp_path: Path) -> Iterator[Node]:
    """Return a node that follows."""
    database = Database(sqlite_url)
    yield make_node(database, tmp_path / "data")
    database.close()


@pytest.fixture(name="follower")
def _follower(node: Node) -> Iterator[Follower]:
    """Return what follows."""
    peers = PeerClient()
    yield Follower(node, peers, Replays(node.store))
    peers.close()


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> GoLog:
    """Return a log of 300 entries that Go made."""
    log = GoLog(tmp_path / "go", ORIGIN)
    log.append([b"entry %d" % number for number in range(300)])
    return log


def _follow(follower: Follower) -> int:
    """Follow the log as a witness: its entries are no leaves of Hanse, so there is nothing to replay."""
    with pytest.raises(BadFormat):
        follower.follow(witness.find_log(follower.node, ORIGIN))
    follower.stuck.clear()
    return witness.find_log(follower.node, ORIGIN).size


def test_it_is_followed_and_cosigned(node: Node, follower: Follower, log: GoLog) -> None:
    """First contact, growth over bundles, and what we cosigned is accepted by Go with both keys."""
    with folder_server(log.folder) as url:
        add_log(node, [log.vkey], url)
        assert _follow(follower) == 300
        log.append([b"entry %d" % number for number in range(300, 700)])
        assert _follow(follower) == 700
    key = own_keys(node)["witness"]
    said = check(witness.find_log(node, ORIGIN).note.encode(), log.vkey, cosigners=[key.text])
    assert (said.error, said.origin, said.size, said.by) == ("", ORIGIN, 700, (ORIGIN, key.name))


def test_a_fork_of_it_is_refused(node: Node, follower: Follower, log: GoLog, tmp_path: Path) -> None:
    """Another history under the same key, and another key under the same name, are refused; the record stays."""
    with folder_server(log.folder) as url:
        add_log(node, [log.vkey], url)
        assert _follow(follower) == 300
    fork = GoLog(tmp_path / "fork", ORIGIN)
    fork.append([b"another"])
    with folder_server(fork.folder) as url:
        add_log(node, [log.vkey], url)
        with pytest.raises(BadSignature):
            follower.follow(witness.find_log(node, ORIGIN))
    for path in ("key", "vkey"):
        (fork.folder / path).write_bytes((log.folder / path).read_bytes())
    fork.append([b"another %d" % number for number in range(400)])
    with folder_server(fork.folder) as url:
        add_log(node, [log.vkey], url)
        with pytest.raises(BadProof):
            follower.follow(witness.find_log(node, ORIGIN))
    assert witness.find_log(node, ORIGIN).size == 300
