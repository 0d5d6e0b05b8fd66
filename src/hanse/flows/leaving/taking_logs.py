"""The logs of an export become logs that this node witnesses and mirrors: checked, replayed and held, as if read online.

Only logs whose key is known count: those that are witnessed here already, those of trusted federations, those whose key the
operator gives. What a node cosigned it can never take back, so it does not cosign a log because an export has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from hanse.db import witnesses
from hanse.db.witnesses import WitnessedLog
from hanse.errors import HanseError, StorageError
from hanse.flows.cosigners import add_log
from hanse.flows.follow import Follower
from hanse.flows.leaving.exported_logs import exported_logs
from hanse.flows.leaving.filelog import FileLog
from hanse.flows.leaving.sources import ExportSource
from hanse.flows.node import Node
from hanse.flows.replays import Replays
from hanse.model.repo import Origin, parse_origin
from hanse.peers.client import PeerClient
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.note import NoteKey, parse_note


@dataclass(frozen=True, slots=True)
class TakenLog:
    """A log of an export. size: leaves that are held of it here now; says: why it was not taken in, "" if it was."""

    origin: str
    size: int
    says: str = ""


def add_logs(node: Node, vkeys: Sequence[str], roots: Mapping[Origin, Sequence[NoteKey]]) -> None:
    """Witness the logs with these keys, and those of trusted federations, from now on; raises BadFormat or Conflict.

    Those that are witnessed already stay as they are, unless their key is given.
    """
    listed = {origin: tuple(key.text for key in keys) for origin, keys in roots.items()}
    for origin, texts in listed.items():
        if origin != node.origin and _find(node, origin) is None:
            add_log(node, texts)
    for text in vkeys:
        known = _find(node, text.partition("+")[0])
        add_log(node, [text], known.url if known else "")


def take_logs(node: Node, source: ExportSource) -> Iterator[TakenLog]:
    """Take in the logs of an export whose key is known here, and yield what came of each; raises StorageError.

    What is older than what is held of a log here is passed over.
    """
    with closing(PeerClient()) as peers:
        follower = Follower(node, peers, node.replays or Replays(node.store, node.db))
        for log in exported_logs(source):
            with suppress(HanseError):
                claimed = parse_checkpoint(parse_note(log.checkpoint())).claimed
                if claimed.origin != node.origin:
                    yield _take(node, follower, log, parse_origin(claimed.origin), claimed.size)


def _take(node: Node, follower: Follower, log: FileLog, origin: Origin, size: int) -> TakenLog:
    known = _find(node, origin)
    if known is None:
        return TakenLog(origin, 0, "its key is not known here: import again with --log and the key that its operator tells")
    try:
        if size > known.size:
            known = follower.look(log, known)
        while known.mirrored < known.size <= size:
            known = follower.advance(log, known)
    except StorageError:
        raise
    except HanseError as error:
        return TakenLog(origin, known.mirrored, error.message)
    return TakenLog(origin, known.mirrored)


def _find(node: Node, origin: str) -> WitnessedLog | None:
    with node.db.read() as conn:
        return witnesses.find(conn, origin)
