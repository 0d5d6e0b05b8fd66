"""What tests of following look at: how a followed log stands, its alarms, and the checkpoint that was cosigned as a mirror."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.leaves import ORIGIN
from tests.support.logs import Log, operator_log
from tests.support.memorylog import MemoryLog
from tests.support.served import LogServer, log_server

from hanse.db import alarms, witnesses
from hanse.db.alarms import Alarm
from hanse.db.witnesses import WitnessedLog
from hanse.flows import witness
from hanse.flows.keeper import Keeper
from hanse.flows.node import Node
from hanse.flows.witness import mirror_name
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.cosignature import cosigner_key, verify_cosignatures
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.note import parse_vkey


def know(node: Node, log: MemoryLog, url: str) -> WitnessedLog:
    """Let the node witness and follow a log."""
    with node.db.write() as conn:
        witnesses.add(conn, log.origin, (log.vkey,), url, EMPTY_ROOT.hex())
    return witness.find_log(node, log.origin)


def honest_log() -> Log:
    """Return the leaves of an honest log with one ref and its snapshot."""
    log = operator_log()
    log.snapshot()
    return log


@contextmanager
def known_log(node: Node, written: Log) -> Iterator[LogServer]:
    """Serve the log of these leaves, which the node knows with its address, for the length of a `with` block."""
    log = MemoryLog(origin=ORIGIN)
    log.append(written.leaves)
    with log_server(log) as made:
        know(node, log, made.url)
        yield made


def stands(node: Keeper) -> WitnessedLog:
    """Return how the log stands."""
    return witness.find_log(node, ORIGIN)


def raised(node: Node) -> list[Alarm]:
    """Return the open alarms."""
    with node.db.read() as conn:
        return alarms.every(conn)


def mirror_time(node: Node) -> int:
    """Verify the checkpoint cosigned as a mirror as a reader would, and return its time."""
    log = stands(node)
    opened = open_checkpoint(log.mirror_note.encode(), *map(parse_vkey, log.vkeys))
    assert (opened.checkpoint.size, opened.checkpoint.root.hex()) == (log.mirrored, log.mirrored_root)
    key = cosigner_key(mirror_name(node.origin), node.keys.mirror.public)
    (found,) = verify_cosignatures(opened.checkpoint, opened.note.signatures, [key])
    return found.time
