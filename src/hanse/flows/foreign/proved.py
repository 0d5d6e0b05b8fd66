"""Whether the evidence of an alarm convinces somebody who trusts nobody: what it says is checked by the accused log's own key.

Of the alarms that a witness raises two need nothing but themselves: a log that signed two roots for one size, and one that is
false in its first leaves, which are all in the evidence. A log that is false further on (`false-log`), or serves less than it
signed (`rollback`), is compared with what its mirrors have: `hanse log check` replays that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hanse.errors import BadFormat, BadProof, BadSignature, IntegrityError
from hanse.model.repo import Origin
from hanse.model.strictjson import parse_strict
from hanse.tlog.checkpoint import VerifiedCheckpoint, open_checkpoint, parse_checkpoint
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.note import NoteKey, parse_note
from hanse.tlog.replay import Replay

MAX_EVIDENCE_BYTES = 1024 * 1024


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


def judge(data: bytes, logs: Mapping[Origin, Sequence[NoteKey]]) -> Convicted | FalseLog:
    """Return what the evidence of an alarm proves; raises as `two_roots` and `false_log`."""
    told = parse_strict(data, "the evidence of an alarm", MAX_EVIDENCE_BYTES)
    return false_log(data, logs) if "leaves" in told and "checkpoint" in told else two_roots(data, logs)


def false_log(data: bytes, logs: Mapping[Origin, Sequence[NoteKey]]) -> FalseLog:
    """Return what the evidence of a `false-log` alarm proves by itself.

    Raises BadFormat for something else, BadSignature as `two_roots`, BadProof if it shows only a part of the log, or other leaves
    than were signed, or if they keep the rules.
    """
    told = parse_strict(data, "the evidence of an alarm", MAX_EVIDENCE_BYTES)
    note, start, shown = told.get("checkpoint"), told.get("from"), told.get("leaves")
    if type(note) is not str or type(start) is not int or type(shown) is not list or any(type(one) is not str for one in shown):
        raise BadFormat("the evidence of an alarm about a false log has a checkpoint, an index and leaves")
    checkpoint = _opened(note.encode("utf-8", "replace"), logs).checkpoint
    leaves = [str(one).encode("utf-8", "replace") for one in shown]
    if start != 0 or len(leaves) != checkpoint.size:
        raise BadProof(
            f"{len(leaves)} leaves from index {start} on, of {checkpoint.size} of {checkpoint.origin}: a part proves nothing",
            hint="ask a mirror of the log, or replay it: hanse log check URL",
        )
    if Frontier().append(map(leaf_hash, leaves)).root != checkpoint.root:
        raise BadProof(f"these are not the {checkpoint.size} leaves that {checkpoint.origin} signed")
    try:
        Replay.start(Origin(checkpoint.origin)).append(leaves)
    except IntegrityError as error:
        return FalseLog(Origin(checkpoint.origin), checkpoint.size, error.message)
    raise BadProof(f"the {checkpoint.size} leaves of {checkpoint.origin} keep its rules", hint="nothing is proved against it")


def two_roots(data: bytes, logs: Mapping[Origin, Sequence[NoteKey]]) -> Convicted:
    """Return what the evidence of an `equivocation` alarm proves, by the keys of logs that the reader knows.

    Raises BadFormat for something else, BadSignature if a checkpoint is not signed by the log's key or the key is not known,
    BadProof if the two do not contradict each other.
    """
    told = parse_strict(data, "the evidence of an alarm", MAX_EVIDENCE_BYTES)
    notes = told.get("checkpoints")
    if type(notes) is not list or len(notes) != 2 or any(type(one) is not str for one in notes):
        raise BadFormat(
            "the evidence of an alarm about two roots has two checkpoints",
            hint="hanse witness alarms --evidence N prints it; other alarms are checked by hanse log check",
        )
    one, other = (_opened(text.encode("utf-8", "replace"), logs) for text in notes)
    mine, theirs = one.checkpoint, other.checkpoint
    if (mine.origin, mine.size) != (theirs.origin, theirs.size) or mine.root == theirs.root:
        raise BadProof(
            f"size {mine.size} of {mine.origin} and size {theirs.size} of {theirs.origin} do not contradict each other",
            hint="expected two roots for one size of one log; that it serves less than it signed is checked by hanse log check",
        )
    return Convicted(Origin(mine.origin), mine.size, (mine.root.hex(), theirs.root.hex()))


def _opened(note: bytes, logs: Mapping[Origin, Sequence[NoteKey]]) -> VerifiedCheckpoint:
    origin = parse_checkpoint(parse_note(note)).claimed.origin
    keys = logs.get(Origin(origin), ())
    if not keys:
        raise BadSignature(
            f"the key of the log {origin} is not known here", hint="trust its federation (hanse trust add), or give --key"
        )
    return open_checkpoint(note, *keys)
