"""The checkpoint that draws the items of an audit, checked by the log: nobody may have chosen it.

1. The checkpoint is one that the log signed, and the log still has its leaves.
2. The record is in it: its leaf is looked for among all leaves of the checkpoint, which come to its root. What counts is the
   first leaf with the record, since who logs one again would draw again.
3. Of the checkpoints with that leaf it is the first that anybody cosigned, as the log says: logs keep these for the newest
   thousand of their own records. A log that keeps none leaves this open, and it is said so.

A log that hides an earlier checkpoint is not found out here; whoever kept that one finds it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hanse.errors import BadProof, HanseError, NotFoundError, PeerRefused, TooLarge
from hanse.evals.record import EVALUATION, Record
from hanse.flows.inspect_log import OpenLog, check_earlier
from hanse.model.leaf import leaf_hash, parse_leaf
from hanse.model.trust_leaf import AttestLeaf
from hanse.peers.logclient import LogClient
from hanse.sign.statement import Statement, Subject
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.hashing import Frontier
from hanse.tlog.note import parse_note
from hanse.tlog.tiles import WIDTH

MAX_LEAVES = 1_048_576
"""Leaves that are looked through for a record."""


@dataclass(frozen=True, slots=True)
class Coin:
    """What is known of a checkpoint that draws. index: of the record's leaf; first: it is the first after it, says the log."""

    index: int
    first: bool


def check_coin(log: OpenLog, note: bytes, record: Record, name: str = "") -> Coin:
    """Check the checkpoint that draws the items of a record's audit, by the log that has the record.

    name: NAMESPACE/NAME in its own spelling, where that has capitals and the record's own name is another.

    Raises BadSignature, BadProof or RolledBack if it is not this log's, or not the first one; NotFoundError if the record is not
    in it; TooLarge for a log that is too long to look through.
    """
    # 1. Signed, and continued.
    size = check_earlier(log, note)
    drawn = parse_checkpoint(parse_note(note)).claimed
    # 2. The record is in it.
    index = _find(log, size, drawn.root, record, name)
    # 3. The first one.
    if not isinstance(log.client, LogClient):
        return Coin(index, first=False)
    try:
        shown = log.client.checkpoint_after(index)
    except PeerRefused:
        return Coin(index, first=False)
    first = check_earlier(log, shown)
    if first <= index:
        raise BadProof(f"{log.origin} shows a checkpoint of {first} leaves as the first with the leaf {index}")
    if first != size:
        raise BadProof(
            f"the checkpoint has {size} leaves, the first cosigned one after the record, which is leaf {index}, has {first}",
            hint=f"{log.client.url}/checkpoint/after/{index} is the one that draws",
        )
    return Coin(index, first=True)


def fetch_coin(log: OpenLog, record: Record, name: str = "") -> bytes:
    """Return what the log shows as the checkpoint that draws a record's audit, to be checked by `check_coin`.

    Raises NotFoundError if the record is not in the log, or nobody cosigned it yet, and as `check_coin`.
    """
    index = _find(log, log.size, log.root, record, name)
    if not isinstance(log.client, LogClient):
        raise NotFoundError(f"{log.origin} shows no earlier checkpoints", hint="--checkpoint FILE")
    try:
        return log.client.checkpoint_after(index)
    except PeerRefused as error:
        raise NotFoundError(
            f"{log.client.url} shows no cosigned checkpoint after the record, leaf {index}",
            hint="it takes a witness; or --checkpoint FILE",
        ) from error


def _find(log: OpenLog, size: int, root: bytes, record: Record, name: str) -> int:
    """Return the index of the first leaf that logs a record, among leaves that come to the root."""
    if size > MAX_LEAVES:
        raise TooLarge(f"{log.origin} has {size:,} leaves: records are looked for among {MAX_LEAVES:,}")
    frontier, found, marks = Frontier(), -1, (EVALUATION.encode(), record.model.encode())
    names = (name, record.name.partition("@")[0])
    for start in range(0, size, WIDTH):
        entries = log.client.bundle(start // WIDTH, min(WIDTH, size - start))
        frontier = frontier.append(map(leaf_hash, entries))
        if found < 0:
            placed = (
                at for at, entry in enumerate(entries) if all(mark in entry for mark in marks) and _logs(entry, record, names)
            )
            found = next((start + at for at in placed), -1)
    if frontier.root != root:
        raise BadProof(f"the leaves of {log.origin} do not come to the root of the checkpoint")
    if found < 0:
        raise NotFoundError(
            f"the record {record.digest} is not among the {size:,} leaves of the checkpoint",
            hint="the checkpoint that draws comes after the record, from its log; leaves of private repositories are concealed",
        )
    return found


def _logs(entry: bytes, record: Record, names: tuple[str, ...]) -> bool:
    """Tell whether a leaf logs exactly this record, about the revision that the leaf names."""
    try:
        leaf = parse_leaf(entry)
        if not isinstance(leaf, AttestLeaf) or leaf.predicate != EVALUATION:
            return False
        spelled = {leaf.repo, *(name for name in names if name.lower() == leaf.repo)}
        return any(_payload(leaf, name, record) == leaf.payload.sha256 for name in spelled)
    except HanseError:
        return False


def _payload(leaf: AttestLeaf, name: str, record: Record) -> str:
    """Return the SHA-256 of the statement of a record about the revision of a leaf."""
    subject = Subject(name, {"gitCommit": leaf.rev, "sha256": leaf.tree})
    return hashlib.sha256(Statement((subject,), EVALUATION, record.predicate()).encode()).hexdigest()
