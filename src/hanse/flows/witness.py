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

The statement is only that the log grew by appending. Whether what it says is true is the mirror's to state (`hanse.flows.follow`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hanse.db import alarms, cosignatures, witnesses
from hanse.db.alarms import Alarm
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadFormat, BadProof, NotFoundError, SizeConflict
from hanse.flows.node import Node
from hanse.model.canonical import canonical
from hanse.model.publickey import Signer
from hanse.tlog.checkpoint import Checkpoint, parse_checkpoint
from hanse.tlog.cosignature import cosign
from hanse.tlog.hashing import EMPTY_ROOT, HASH_BYTES
from hanse.tlog.note import UnverifiedNote, encode_note, parse_note, parse_vkey, signature_line, verify_note
from hanse.tlog.proof import MAX_PROOF, verify_consistency

MAX_REQUEST_BYTES = 512 * 1024
_MAX_DIGITS = 19
_OLD = b"old "


@dataclass(frozen=True, slots=True)
class UnverifiedRequest:
    """What an `add-checkpoint` request says: size of the previous checkpoint, consistency proof, checkpoint as sent."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkpoint that was found consistent and recorded: the log as it stands now, the checkpoint, and our signature lines."""

    log: WitnessedLog
    checkpoint: Checkpoint
    lines: tuple[str, ...]


def witness_name(origin: str) -> str:
    """Return the name under which the node of an origin cosigns as a witness."""
    return f"{origin[: witnesses.MAX_ORIGIN - 8]}/witness"


def mirror_name(origin: str) -> str:
    """Return the name under which the node of an origin cosigns as a mirror."""
    return f"{origin[: witnesses.MAX_ORIGIN - 8]}/mirror"


def encode_request(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the body of an `add-checkpoint` request."""
    lines = [f"old {old}", *(base64.b64encode(item).decode() for item in proof), "", ""]
    return "\n".join(lines).encode() + note


def parse_request(body: bytes) -> UnverifiedRequest:
    """Return what a request says; raises BadFormat unless it is exactly as tlog-witness writes it."""
    if len(body) > MAX_REQUEST_BYTES:
        raise BadFormat(f"an add-checkpoint request has at most {MAX_REQUEST_BYTES} bytes")
    head, blank, note = body.partition(b"\n\n")
    first, *rest = head.split(b"\n")
    digits = first.removeprefix(_OLD)
    plain = digits.isdigit() and len(digits) <= _MAX_DIGITS and (digits == b"0" or not digits.startswith(b"0"))
    if not blank or not first.startswith(_OLD) or not plain:
        raise BadFormat("an add-checkpoint request begins with a line such as `old 20852014`, and an empty line ends its head")
    if len(rest) > MAX_PROOF:
        raise BadFormat(f"a consistency proof has at most {MAX_PROOF} lines, got {len(rest)}")
    return UnverifiedRequest(int(digits), tuple(map(_hash, rest)), note)


def _hash(line: bytes) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadFormat("each line of a consistency proof is the base64 form of a hash") from error
    if len(found) != HASH_BYTES or base64.b64encode(found) != line:
        raise BadFormat("each line of a consistency proof is the base64 form of a hash of 32 bytes")
    return found


def submit(node: Node, body: bytes) -> Accepted:
    """Check a request, record its checkpoint and return it with the witness's signature lines.

    Raises BadFormat (steps 1 and 4), NotFoundError (2), BadSignature (3), SizeConflict (5 and 7) or BadProof (6).
    """
    request = parse_request(body)
    note = parse_note(request.note)
    seen = find_log(node, parse_checkpoint(note).checkpoint.origin)
    checkpoint, signed = open_note(note, seen)
    _check_old(request, checkpoint, seen)
    _check_consistent(node, request, checkpoint, signed, seen)
    return record(node, seen, checkpoint, signed)


def find_log(node: Node, origin: str) -> WitnessedLog:
    """Return a log that this node witnesses; raises NotFoundError."""
    with node.db.read() as conn:
        seen = witnesses.find(conn, origin)
    if seen is None:
        raise NotFoundError(f"this witness does not know the log {origin[:200]!r}", hint="its operator adds it: hanse witness log-add")
    return seen


def open_note(note: UnverifiedNote, seen: WitnessedLog) -> tuple[Checkpoint, bytes]:
    """Return the checkpoint in a note, and the note with the log's own signatures only; raises BadSignature."""
    keys = [parse_vkey(text) for text in seen.vkeys]
    verified = verify_note(note, keys)
    checkpoint = parse_checkpoint(note).checkpoint
    trusted = {(key.name, key.key_id) for key in verified.by}
    own = [line for line in note.signatures if (line.name, line.key_id) in trusted]
    return checkpoint, encode_note(verified.text, own)


def _check_old(request: UnverifiedRequest, checkpoint: Checkpoint, seen: WitnessedLog) -> None:
    if request.old > checkpoint.size:
        raise BadFormat(f"the old size {request.old} is larger than the checkpoint's, {checkpoint.size}")
    if request.old != seen.size:
        raise SizeConflict(f"the checkpoint cosigned last is of size {seen.size}, not {request.old}", size=seen.size)


def _check_consistent(
    node: Node, request: UnverifiedRequest, checkpoint: Checkpoint, signed: bytes, seen: WitnessedLog
) -> None:
    """Raise BadProof unless the checkpoint is consistent with the one cosigned last; keep proof of two that exclude each other."""
    old, old_root = seen.size, bytes.fromhex(seen.root)
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise BadProof("a log of size 0 has the root of the empty log")
    if old == checkpoint.size and old_root != checkpoint.root:
        raise_alarm(node, equivocation(seen, signed, node.clock.now()))
        raise BadProof(f"the log signed two roots for its size {old}: {seen.root} and {checkpoint.root.hex()}")
    if old in (0, checkpoint.size):
        if request.proof:
            raise BadProof(f"the proof from size {old} to size {checkpoint.size} must be empty")
        return
    verify_consistency(old, old_root, checkpoint.size, checkpoint.root, request.proof)


def equivocation(seen: WitnessedLog, signed: bytes, now: int) -> Alarm:
    """Return the alarm about a log that signed two roots for one size: both notes."""
    says = f"{seen.origin} signed two different roots for its size {seen.size}"
    evidence = canonical({"checkpoints": [seen.note, signed.decode()]})
    return Alarm("equivocation", seen.origin, says, evidence, now)


def raise_alarm(node: Node, alarm: Alarm) -> bool:
    """Keep an alarm; tell whether it is new."""
    with node.db.write() as conn:
        return alarms.put(conn, alarm)


def record(node: Node, seen: WitnessedLog, checkpoint: Checkpoint, signed: bytes) -> Accepted:
    """Cosign a checkpoint that was found consistent with `seen` (step 7).

    Time never goes back within a log, even if the clock does. Raises SizeConflict if the log moved meanwhile.
    """
    time = max(node.clock.now(), seen.time)
    lines = sign_lines(checkpoint, witness_name(node.origin), [node.keys.witness], time)
    note = (signed.decode() + "".join(f"{line}\n" for line in lines)).encode()
    now = replace(seen, size=checkpoint.size, root=checkpoint.root.hex(), note=note.decode(), time=time)
    if now == seen:  # again within a second: nothing to record
        return Accepted(now, checkpoint, lines)
    with node.db.write() as conn:
        moved = witnesses.advance(conn, seen, now.size, now.root, now.note, now.time)
        present = None if moved else witnesses.find(conn, seen.origin)
    if not moved:
        size = seen.size if present is None else present.size
        raise SizeConflict(f"another checkpoint was cosigned just now; the last one is of size {size}", size=size)
    return Accepted(now, checkpoint, lines)


def sign_lines(checkpoint: Checkpoint, name: str, signers: Sequence[Signer], time: int) -> tuple[str, ...]:
    """Return a signature line of each signer for a checkpoint, without newlines."""
    return tuple(cosign(checkpoint, name, signer, time) for signer in signers)


def newest_checkpoint(node: Node, digest: str) -> bytes:
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
    """Return a note with the cosignatures of the same root added to it, except for names that it has already."""
    present = {line.split(" ")[1] for line in note.rpartition("\n\n")[2].splitlines()}
    added = [one.line for one in others if one.root == root and one.name not in present]
    return (note + "".join(f"{line}\n" for line in added)).encode()


__all__ = ["signature_line"]
