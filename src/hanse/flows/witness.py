"""The witness: cosigns checkpoints of other logs that are consistent with what it saw of them before (C2SP tlog-witness).

Steps of every `add-checkpoint`, and what is answered where one fails:

1. The request parses (400).
2. The checkpoint's origin is that of a log that this node witnesses (404).
3. The checkpoint is signed by a key of that log, and no known key's signature fails (403).
4. The old size is not larger than the checkpoint's (400).
5. The old size is that of the checkpoint cosigned last (409, with that size).
6. A checkpoint of size 0 has the root of the empty log; the proof leads from the old root to the new one (422).
7. The record moves to the new checkpoint, if it still stands where steps 5 and 6 saw it (409). Signatures were made before and
   are released only now: the record is durable first, and of two requests that were checked side by side one fails.

The statement is only that the log grew by appending. Whether it says the truth is for mirrors to state (`hanse.flows.follow`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hanse.db import alarms, cosignatures, witnesses
from hanse.db.alarms import Alarm
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadFormat, BadProof, NotFoundError, SizeConflict
from hanse.flows.keeper import Keeper
from hanse.model.canonical import canonical
from hanse.model.publickey import Signer
from hanse.tlog.addcheckpoint import UnverifiedRequest, parse_request
from hanse.tlog.checkpoint import Checkpoint, VerifiedCheckpoint, parse_checkpoint, verify_checkpoint
from hanse.tlog.cosignature import cosign
from hanse.tlog.note import encode_note, parse_note, parse_signature_line, parse_vkey
from hanse.tlog.proof import verify_consistency

MAX_NAME = 255
_ADD = "its operator adds it: hanse witness log-add VKEY"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkpoint that was found consistent and recorded: the log as it stands now, the checkpoint, and our signature lines."""

    log: WitnessedLog
    checkpoint: Checkpoint
    lines: tuple[str, ...]


def witness_name(origin: str) -> str:
    """Return the name under which the node of an origin cosigns as a witness."""
    return f"{origin[: MAX_NAME - 8]}/witness"


def mirror_name(origin: str) -> str:
    """Return the name under which the node of an origin cosigns as a mirror."""
    return f"{origin[: MAX_NAME - 8]}/mirror"


def submit(node: Keeper, body: bytes) -> Accepted:
    """Check a request, record its checkpoint and return it with the witness's signature lines.

    Raises BadFormat (steps 1 and 4), NotFoundError (2), BadSignature (3), SizeConflict (5 and 7) or BadProof (6).
    """
    request = parse_request(body)
    seen = find_log(node, parse_checkpoint(parse_note(request.note)).claimed.origin)
    return record(node, seen, check(node, request, seen))


def check(node: Keeper, request: UnverifiedRequest, seen: WitnessedLog) -> VerifiedCheckpoint:
    """Return the checkpoint of a request if it continues the log as it was `seen` (steps 3 to 6); raises as `submit` does."""
    found = parse_checkpoint(parse_note(request.note))
    try:
        opened = verify_checkpoint(found, *map(parse_vkey, seen.vkeys))
    except BadProof:  # signed, but of size 0 with a root that is not the empty log's: step 6, which comes after 4 and 5
        _check_old(request, found.claimed, seen)
        raise
    _check_old(request, opened.checkpoint, seen)
    _check_consistent(node, request, opened, seen)
    return opened


def find_log(node: Keeper, origin: str) -> WitnessedLog:
    """Return a log that this node witnesses; raises NotFoundError."""
    with node.db.read() as conn:
        seen = witnesses.find(conn, origin)
    if seen is None:
        raise NotFoundError(f"this witness does not know the log {origin[:200]!r}", hint=_ADD)
    return seen


def own_note(opened: VerifiedCheckpoint) -> str:
    """Return the note of a checkpoint with the log's own, verified signatures and no others."""
    trusted = {(key.name, key.key_id) for key in opened.by}
    lines = [line.text for line in opened.note.signatures if (line.name, line.key_id) in trusted]
    return encode_note(opened.checkpoint.text, lines).decode()


def _check_old(request: UnverifiedRequest, checkpoint: Checkpoint, seen: WitnessedLog) -> None:
    if request.old > checkpoint.size:
        raise BadFormat(f"the old size {request.old} is larger than the checkpoint's, {checkpoint.size}")
    if request.old != seen.size:
        raise SizeConflict(f"the checkpoint cosigned last is of size {seen.size}, not {request.old}", size=seen.size)


def _check_consistent(node: Keeper, request: UnverifiedRequest, opened: VerifiedCheckpoint, seen: WitnessedLog) -> None:
    """Raise BadProof unless the checkpoint is consistent with the one cosigned last; two that exclude each other are kept."""
    checkpoint, old = opened.checkpoint, seen.size
    if old == checkpoint.size and seen.root != checkpoint.root.hex():
        raise_alarm(node, equivocation(node, seen, opened))
        raise BadProof(f"the log signed two roots for its size {old}: {seen.root} and {checkpoint.root.hex()}")
    if old in (0, checkpoint.size):
        if request.proof:
            raise BadProof(f"the proof from size {old} to size {checkpoint.size} must be empty")
        return
    verify_consistency(old, bytes.fromhex(seen.root), checkpoint.size, checkpoint.root, request.proof)


def equivocation(node: Keeper, seen: WitnessedLog, opened: VerifiedCheckpoint) -> Alarm:
    """Return the alarm about a log that signed two roots for one size: both notes."""
    says = f"{seen.origin} signed two different roots for its size {seen.size}"
    evidence = canonical({"checkpoints": [seen.note, own_note(opened)]})
    return Alarm("equivocation", seen.origin, says, evidence, node.clock.now())


def raise_alarm(node: Keeper, alarm: Alarm) -> bool:
    """Keep an alarm; tell whether it is new."""
    with node.db.write() as conn:
        return alarms.put(conn, alarm)


def record(node: Keeper, seen: WitnessedLog, opened: VerifiedCheckpoint) -> Accepted:
    """Cosign a checkpoint that was found consistent with `seen` (step 7).

    Time never goes back within a log, even if the clock does. Raises SizeConflict if the log moved meanwhile.
    """
    checkpoint, time = opened.checkpoint, max(node.clock.now(), seen.time)
    lines = sign_lines(checkpoint, witness_name(node.origin), node.keys.witnesses, time)
    note = own_note(opened) + "".join(f"{line}\n" for line in lines)
    now = replace(seen, size=checkpoint.size, root=checkpoint.root.hex(), note=note, time=time)
    if now == seen:  # again within a second: nothing to record
        return Accepted(now, checkpoint, lines)
    with node.db.write() as conn:
        moved = witnesses.advance(conn, seen, now)
        present = None if moved else witnesses.find(conn, seen.origin)
    if not moved:
        size = seen.size if present is None else present.size
        raise SizeConflict(f"another checkpoint was cosigned just now; the last one is of size {size}", size=size)
    return Accepted(now, checkpoint, lines)


def sign_lines(checkpoint: Checkpoint, name: str, signers: Sequence[Signer], time: int) -> tuple[str, ...]:
    """Return a signature line of each signer for a checkpoint, without newlines."""
    return tuple(cosign(checkpoint, name, signer, time) for signer in signers)


def newest_checkpoint(node: Keeper, digest: str) -> bytes:
    """Return the last checkpoint cosigned of the log with this origin hash, with all cosignatures of it that are known here.

    Raises NotFoundError if there is none.
    """
    with node.db.read() as conn:
        log = witnesses.find_hashed(conn, digest)
        others = [] if log is None else cosignatures.of_size(conn, log.origin, log.size)
    if log is None or not log.note:
        raise NotFoundError("this witness has not cosigned a checkpoint of such a log")
    return with_lines(log.note, log.root, others)


def with_lines(note: str, root: str, others: Sequence[cosignatures.Cosignature]) -> bytes:
    """Return a note with the cosignatures of the same root added to it, except for keys that it has a line of already."""
    lines = map(parse_signature_line, note.rpartition("\n\n")[2].splitlines())
    present = {(line.name, line.key_id.hex()) for line in lines}
    added = [one.line for one in others if one.root == root and (one.name, one.key_id) not in present]
    return (note + "".join(f"{line}\n" for line in added)).encode()
