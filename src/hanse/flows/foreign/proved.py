"""Whether the evidence of an alarm convinces somebody who trusts nobody: what it says is checked by the accused log's own key.

- Two roots for one size: both checkpoints, signed by the log.
- A log that is false, or in which a key or an owner changed: its leaves from the first one on, and the proof that the log which
  was signed begins with them; they are replayed.
- Two trees of one commit id: two leaves, each proved to be in a signed log.

That a log serves less than it signed (`rollback`) is compared with what its mirrors have.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hanse.errors import BadFormat, BadProof, BadSignature, IntegrityError
from hanse.model.leaf import parse_leaf
from hanse.model.repo import Origin
from hanse.model.strictjson import parse_strict
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.statement import OMS
from hanse.tlog.checkpoint import Checkpoint, VerifiedCheckpoint, open_checkpoint, parse_checkpoint
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.note import NoteKey, parse_note
from hanse.tlog.proof import verify_consistency, verify_inclusion
from hanse.tlog.replay import Replay

MAX_EVIDENCE_BYTES = 64 * 1024 * 1024
MAX_LEAF_BYTES = 65_535
_MAX_HASHES = 128
Keys = Mapping[Origin, Sequence[NoteKey]]


@dataclass(frozen=True, slots=True)
class Convicted:
    """What is proved: this log signed two checkpoints of one size with different roots (hex)."""

    origin: Origin
    size: int
    roots: tuple[str, str]


@dataclass(frozen=True, slots=True)
class FalseLog:
    """What is proved: this log signed a checkpoint of so many leaves, and they break its rules. says: which one, and where."""

    origin: Origin
    size: int
    says: str


@dataclass(frozen=True, slots=True)
class ChangedKeys:
    """What is proved: this log, which keeps its rules so far, has in so many leaves what everybody must be told. says: that."""

    origin: Origin
    size: int
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TwoTrees:
    """What is proved: these logs (which may be one) signed different trees of one commit id of a repository."""

    repo: str
    rev: str
    logs: tuple[Origin, Origin]
    trees: tuple[str, str]


Proved = Convicted | FalseLog | ChangedKeys | TwoTrees


def judge(data: bytes, logs: Keys) -> Proved:
    """Return what the evidence of an alarm proves; raises as `two_roots`, `replayed` and `two_trees`."""
    told = parse_strict(data, "the evidence of an alarm", MAX_EVIDENCE_BYTES)
    if "trees" in told:
        return two_trees(told["trees"], logs)
    return replayed(data, logs) if "leaves" in told and "checkpoint" in told else two_roots(data, logs)


def replayed(data: bytes, logs: Keys) -> FalseLog | ChangedKeys:
    """Return what the leaves of a log prove by themselves.

    Raises BadFormat for something else, BadSignature as `two_roots`, BadProof if they are not the first ones of what was signed,
    or if there is nothing in them that anybody must be told.
    """
    told = parse_strict(data, "the evidence of an alarm", MAX_EVIDENCE_BYTES)
    note, start, shown = told.get("checkpoint"), told.get("from"), told.get("leaves")
    if type(note) is not str or type(start) is not int or type(shown) is not list:
        raise BadFormat("the evidence of an alarm about the leaves of a log has a checkpoint, an index and leaves")
    checkpoint, leaves = _opened(note.encode("utf-8", "replace"), logs).checkpoint, [_leaf(one) for one in shown]
    if start != 0 or not leaves:
        raise BadProof(
            f"{len(leaves)} leaves from index {start} on, of {checkpoint.size} of {checkpoint.origin}: a part proves nothing",
            hint="ask a mirror of the log, or replay it: hanse log check URL",
        )
    _check_begins(checkpoint, leaves, _hashes(told.get("proof", [])))
    replay, origin = Replay.start(Origin(checkpoint.origin)), Origin(checkpoint.origin)
    try:
        replay.append(leaves)
    except IntegrityError as error:
        return FalseLog(origin, len(leaves), error.message)
    if replay.alarms:
        return ChangedKeys(origin, len(leaves), tuple(f"leaf {one.index}: {one.says}" for one in replay.alarms))
    raise BadProof(f"the first {len(leaves)} leaves of {origin} keep its rules", hint="nothing is proved against it")


def _check_begins(checkpoint: Checkpoint, leaves: Sequence[bytes], proof: Sequence[bytes]) -> None:
    """Raise BadProof unless the log of a checkpoint begins with these leaves."""
    try:
        verify_consistency(
            len(leaves), Frontier().append(map(leaf_hash, leaves)).root, checkpoint.size, checkpoint.root, list(proof)
        )
    except BadProof as error:
        raise BadProof(
            f"these {len(leaves)} leaves are not the first of the {checkpoint.size} that {checkpoint.origin} signed",
            hint="ask who raised the alarm for the evidence as hanse witness alarms --evidence writes it",
        ) from error


def two_trees(told: Any, logs: Keys) -> TwoTrees:
    """Return what two leaves about one commit id prove; raises as `replayed`."""
    if type(told) is not list or len(told) != 2:
        raise BadFormat("the evidence of an alarm about two trees has two leaves")
    (one, mine), (other, theirs) = (_included(said, logs) for said in told)
    place, there = ((leaf.origin, leaf.type, leaf.repo, leaf.rev) for leaf in (mine, theirs))
    if place != there or mine.tree == theirs.tree:
        raise BadProof(
            f"the leaves are about {mine.repo} at {mine.rev} and {theirs.repo} at {theirs.rev} and do not contradict each other",
            hint="expected two trees for one commit id of one repository",
        )
    return TwoTrees(mine.repo, mine.rev, (one, other), (mine.tree, theirs.tree))


def _included(said: Any, logs: Keys) -> tuple[Origin, AttestLeaf]:
    """Return the leaf of a statement, and whose log has it."""
    if type(said) is not dict or type(said.get("checkpoint")) is not str or type(said.get("index")) is not int:
        raise BadFormat(
            "a leaf in the evidence of an alarm about two trees has a checkpoint, an index, its text and a proof",
            hint="hanse witness alarms --evidence N writes it, where the node holds the logs",
        )
    checkpoint = _opened(said["checkpoint"].encode("utf-8", "replace"), logs).checkpoint
    data = _leaf(said.get("leaf"))
    verify_inclusion(leaf_hash(data), said["index"], checkpoint.size, checkpoint.root, _hashes(said.get("proof")))
    leaf = parse_leaf(data)
    if not isinstance(leaf, AttestLeaf) or leaf.concealed or leaf.predicate != OMS:
        raise BadProof(f"leaf {said['index']} of {checkpoint.origin} is no signed manifest of a public revision")
    return Origin(checkpoint.origin), leaf


def _leaf(told: Any) -> bytes:
    if type(told) is str:
        return told.encode("utf-8", "replace")
    try:
        if type(told) is dict and set(told) == {"base64"} and len(told["base64"]) <= 2 * MAX_LEAF_BYTES:
            return base64.b64decode(told["base64"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadFormat("a leaf in the evidence of an alarm is a text, or base64") from error
    raise BadFormat("a leaf in the evidence of an alarm is a text, or an object with its base64")


def _hashes(told: Any) -> list[bytes]:
    try:
        if type(told) is list and len(told) <= _MAX_HASHES:
            return [bytes.fromhex(one) for one in told]
    except (TypeError, ValueError) as error:
        raise BadFormat("a proof in the evidence of an alarm is hashes in hex") from error
    raise BadFormat(f"a proof in the evidence of an alarm is a list of at most {_MAX_HASHES} hashes")


def two_roots(data: bytes, logs: Keys) -> Convicted:
    """Return what the evidence of an `equivocation` alarm proves, by the keys of logs that the reader knows.

    Raises BadFormat for something else, BadSignature if a checkpoint is not signed by the log's key or the key is not known,
    BadProof if the two do not contradict each other.
    """
    told = parse_strict(data, "the evidence of an alarm", MAX_EVIDENCE_BYTES)
    notes = told.get("checkpoints")
    if type(notes) is not list or len(notes) != 2 or any(type(one) is not str for one in notes):
        raise BadFormat(
            "the evidence of an alarm about two roots has two checkpoints",
            hint="hanse witness alarms --evidence N writes it",
        )
    one, other = (_opened(text.encode("utf-8", "replace"), logs) for text in notes)
    mine, theirs = one.checkpoint, other.checkpoint
    if (mine.origin, mine.size) != (theirs.origin, theirs.size) or mine.root == theirs.root:
        raise BadProof(
            f"size {mine.size} of {mine.origin} and size {theirs.size} of {theirs.origin} do not contradict each other",
            hint="expected two roots for one size of one log; that it serves less than it signed is checked by hanse log check",
        )
    return Convicted(Origin(mine.origin), mine.size, (mine.root.hex(), theirs.root.hex()))


def _opened(note: bytes, logs: Keys) -> VerifiedCheckpoint:
    origin = parse_checkpoint(parse_note(note)).claimed.origin
    keys = logs.get(Origin(origin), ())
    if not keys:
        raise BadSignature(
            f"the key of the log {origin} is not known here", hint="trust its federation (hanse trust add), or give --key"
        )
    return open_checkpoint(note, *keys)
