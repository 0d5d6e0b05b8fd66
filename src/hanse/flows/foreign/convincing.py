"""What convinces somebody else of an alarm: the leaves, and the proof that the log which is accused signed them.

An alarm keeps what was seen. What proves it is put together when somebody asks, from the copies of logs that are held here:

- of a log that is false, and of a key or owner that changed, all leaves up to there, which whoever doubts it replays himself;
- of two trees of one commit id, both leaves, each with its way to a checkpoint of its log;
- two roots of one size prove themselves.

`hanse.flows.foreign.proved` judges it, by nothing but the log's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanse.db import witnesses
from hanse.db.alarms import Alarm
from hanse.db.witnesses import WitnessedLog
from hanse.errors import NotFoundError
from hanse.flows.foreign.copies import Copy
from hanse.flows.foreign.proved import MAX_EVIDENCE_BYTES
from hanse.flows.keeper import Keeper
from hanse.flows.logcopy import LogCopy
from hanse.flows.logfiles import LogFiles
from hanse.flows.two_trees import KIND as TWO_TREES
from hanse.model.alarm import AlarmKind
from hanse.model.canonical import canonical
from hanse.model.strictjson import parse_strict
from hanse.tlog.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from hanse.tlog.note import parse_note
from hanse.tlog.proof import consistency_proof, inclusion_proof

_CHANGES = frozenset(kind.value for kind in AlarmKind)
_SPARE = 64 * 1024


def complete(node: Keeper, alarm: Alarm) -> bytes:
    """Return the evidence of an alarm with everything that somebody else needs, as far as it is held here.

    What cannot be completed is returned as it is kept. Raises NotFoundError where it would be larger than anybody reads.
    """
    if alarm.kind == "false-log":
        return _false(node, alarm)
    if alarm.kind in _CHANGES:
        return _change(node, alarm)
    return _trees(node, alarm) if alarm.kind == TWO_TREES else alarm.evidence


def _log(node: Keeper, origin: str) -> WitnessedLog | None:
    with node.db.read() as conn:
        return witnesses.find(conn, origin)


def _told(alarm: Alarm) -> dict[str, Any]:
    return parse_strict(alarm.evidence, "the evidence of an alarm", MAX_EVIDENCE_BYTES)


def _false(node: Keeper, alarm: Alarm) -> bytes:
    told, log = _told(alarm), _log(node, alarm.origin)
    if log is None or log.mirrored < told["from"] or "proof" not in told:
        return alarm.evidence
    return canonical(told | {"from": 0, "leaves": [*_leaves(node, log, told["from"]), *told["leaves"]]})


def _change(node: Keeper, alarm: Alarm) -> bytes:
    """Return the leaves up to the one that an alarm is about, in the last checkpoint that was reached here."""
    told, log = _told(alarm), _log(node, alarm.origin)
    if log is None or not log.mirror_note:
        return alarm.evidence
    size, count = _size(log.mirror_note), int(told["index"]) + 1
    if size < count:
        return alarm.evidence
    proof = consistency_proof(count, size, LogCopy(node.store, log.origin).reader(log.mirrored))
    shown = {"checkpoint": log.mirror_note, "from": 0, "leaves": _leaves(node, log, count)}
    return canonical(told | shown | {"proof": [one.hex() for one in proof]})


def _leaves(node: Keeper, log: WitnessedLog, size: int) -> list[str]:
    found, left = list[str](), MAX_EVIDENCE_BYTES - _SPARE - 2 * len(log.note)
    for entries in LogCopy(node.store, log.origin).entries(0, log.mirrored):
        for entry in entries[: size - len(found)]:
            found.append(entry.decode())  # read before: those of a copy are leaves
            left -= len(entry) + entry.count(b'"') + entry.count(b"\\") + 8  # as a text in JSON
        if left < 0:
            raise NotFoundError(
                f"the {size} leaves of {log.origin} that prove it are more than {MAX_EVIDENCE_BYTES:,} bytes",
                hint=f"others replay the log themselves: hanse log check {log.url or 'URL'}",
            )
        if len(found) == size:
            break
    return found


def _trees(node: Keeper, alarm: Alarm) -> bytes:
    told = _told(alarm)
    return canonical({"trees": [_included(node, one) for one in told["trees"]]})


def _included(node: Keeper, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a leaf with its way to a checkpoint of its log, where that is held here."""
    index = int(said["index"])
    if said["log"] == node.origin:
        files = LogFiles(node.db, node.store)
        head = files.head()
        note = sign_checkpoint(Checkpoint(node.origin, head.size, bytes.fromhex(head.root)), node.keys.log).decode()
        proof = inclusion_proof(index, head.size, files.read)
        return {**said, "checkpoint": note, "proof": [one.hex() for one in proof]}
    log = _log(node, str(said["log"]))
    if log is None or not log.mirror_note or _size(log.mirror_note) <= index:
        return dict(said)
    shown = Copy(node.db, node.store, log).shown(index, _size(log.mirror_note))
    return {**said, "leaf": shown.leaf.decode(), "checkpoint": log.mirror_note, "proof": [one.hex() for one in shown.path]}


def _size(note: str) -> int:
    return parse_checkpoint(parse_note(note.encode())).claimed.size
