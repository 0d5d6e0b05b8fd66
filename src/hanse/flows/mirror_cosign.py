"""The mirror for those who ask it: its cosignatures, and its copies of other logs.

A mirror's cosignature says more than a witness's: the log was replayed up to here, what it says of itself is true, and all of it
is held and served here. It comes from a key of its own and never before `hanse.flows.follow` has done that work.

`add-checkpoint` moves the checkpoint that is to be reached, as tlog-mirror has it. It answers without a signature until the copy
is there; the same request again, old size equal to the checkpoint's, gets one with the time of now.
"""

from __future__ import annotations

from hanse.db import cosignatures, witnesses
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BlobNotFound, NotFoundError
from hanse.flows import witness
from hanse.flows.keeper import Keeper
from hanse.flows.logcopy import LogCopy
from hanse.flows.witness import mirror_name, own_note, sign_lines, with_lines
from hanse.tlog.addcheckpoint import parse_request
from hanse.tlog.checkpoint import open_checkpoint, parse_checkpoint
from hanse.tlog.note import parse_note, parse_vkey
from hanse.tlog.tiles import TileName

_ATTEMPTS = 4
_ADDRESS = "its operator adds the address: hanse witness log-add VKEY --url URL"


def mirrored_note(node: Keeper, log: WitnessedLog) -> str:
    """Return the last checkpoint of a log with the log's signatures and a new cosignature of this node as a mirror."""
    opened = open_checkpoint(log.note.encode(), *map(parse_vkey, log.vkeys))
    time = max(node.clock.now(), log.time)
    lines = sign_lines(opened.checkpoint, mirror_name(node.origin), [node.keys.mirror], time)
    return own_note(opened) + "".join(f"{line}\n" for line in lines)


def submit(node: Keeper, body: bytes) -> tuple[str, ...]:
    """Take a checkpoint for the mirror and return its signature lines: none before the log is held and replayed up to there.

    Raises as `witness.submit` does, and NotFoundError for a log whose address is not known.
    """
    log = witness.find_log(node, parse_checkpoint(parse_note(parse_request(body).note)).claimed.origin)
    if not log.url:
        raise NotFoundError(
            f"this mirror does not know where {log.origin} is served", hint="hanse witness log-add VKEY --url URL"
        )
    log = witness.submit(node, body).log
    if (log.mirrored, log.mirrored_root) != (log.size, log.root):
        return ()
    note = mirrored_note(node, log)
    with node.db.write() as conn:
        if not witnesses.set_mirrored(conn, log, log.size, log.root, note):
            return ()
    return tuple(line for line in note.rpartition("\n\n")[2].splitlines() if line.split(" ")[1] == mirror_name(node.origin))


def newest_checkpoint(node: Keeper, digest: str) -> bytes:
    """Return the checkpoint of a log's copy here, with our cosignature as a mirror and all others that are known of it.

    Raises NotFoundError if no log with this origin hash is mirrored.
    """
    return cosigned_note(node, find_copy(node, digest))


def cosigned_note(node: Keeper, log: WitnessedLog) -> bytes:
    """Return the checkpoint that a copy was cosigned at when `log` was read, with all cosignatures that are known of it."""
    checkpoint = parse_checkpoint(parse_note(log.mirror_note.encode())).claimed
    with node.db.read() as conn:
        others = cosignatures.of_size(conn, log.origin, checkpoint.size)
    return with_lines(log.mirror_note, checkpoint.root.hex(), others)


def find_copy(node: Keeper, digest: str) -> WitnessedLog:
    """Return the log with this origin hash; raises NotFoundError unless it is mirrored here."""
    with node.db.read() as conn:
        log = witnesses.find_hashed(conn, digest)
    if log is None or not log.mirror_note:
        raise NotFoundError("no such log is mirrored here")
    return log


def read_copy(node: Keeper, digest: str, name: TileName) -> bytes:
    """Return a tile or entry bundle of a copy; raises NotFoundError, BlobNotFound if the copy is not that long."""
    for _ in range(_ATTEMPTS):
        log = find_copy(node, digest)
        try:
            return LogCopy(node.store, log.origin).read(name, log.mirrored)
        except BlobNotFound:
            if find_copy(node, digest).mirrored == log.mirrored:
                raise
    raise BlobNotFound(f"the copy grows too fast to read {name.path}")
