"""Whether the evidence of an alarm convinces somebody who trusts nobody: what it says is checked by the accused log's own key.

Of the alarms that a witness raises one needs nothing but itself: a log that signed two roots for one size. What others show
(`false-log`, `rollback`) is compared with the log as its mirrors have it: `hanse log check` replays that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hanse.errors import BadFormat, BadProof, BadSignature
from hanse.model.repo import Origin
from hanse.model.strictjson import parse_strict
from hanse.tlog.checkpoint import VerifiedCheckpoint, open_checkpoint, parse_checkpoint
from hanse.tlog.note import NoteKey, parse_note

MAX_EVIDENCE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Convicted:
    """What is proved: this log signed two checkpoints of one size with different roots (hex)."""

    origin: Origin
    size: int
    roots: tuple[str, str]


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
            hint="expected two roots for one size of one log",
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
