"""Checkpoints of the logs that this node mirrors, with everybody's cosignatures, as they are shown beside statements.

A checkpoint is kept when the copy has arrived at it and it was cosigned here. Cosignatures of others are taken up wherever they
are met: under the log's own checkpoint when it is read, and in evidence files. Only those count that verify with the key of
somebody whom this node knows as a cosigner: one false line would spoil the checkpoint for readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from hanse.db import cosignatures, cosigners, foreign
from hanse.db.cosignatures import Cosignature
from hanse.db.foreign import KeptCheckpoint
from hanse.db.witnesses import WitnessedLog
from hanse.errors import HanseError
from hanse.flows import witness
from hanse.flows.asking import MAX_AHEAD_SECONDS
from hanse.flows.keeper import Keeper
from hanse.flows.witness import mirror_name, own_note, witness_name
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from hanse.tlog.cosignature import cosigner_key, verify_cosignatures
from hanse.tlog.note import NoteKey, SignatureLine, parse_note, parse_vkey

WITNESS, MIRROR = "witness", "mirror"
KEEP_SIZES = foreign.KEEP_CHECKPOINTS


def arrived(node: Keeper, log: WitnessedLog) -> None:
    """Keep the checkpoint that the copy of a log has arrived at, with this node's own cosignatures of it.

    log: as it stands now, `mirror_note` being the checkpoint's.
    """
    opened = open_checkpoint(log.mirror_note.encode(), *map(parse_vkey, log.vkeys))
    head = opened.checkpoint
    note = own_note(opened)
    with node.db.write() as conn:
        foreign.put_checkpoint(conn, log.origin, KeptCheckpoint(head.size, head.root.hex(), note))
    for text in (log.mirror_note, log.note):
        learn(node, log.origin, text.encode())


def learn(node: Keeper, origin: str, note: bytes) -> int:
    """Take up the cosignatures under a checkpoint that is kept here; return how many verified. Never raises what a log can cause.

    A note of another size or root, and lines of strangers, are passed over.
    """
    found: list[Cosignature] = []
    with suppress(HanseError):
        claimed = parse_checkpoint(parse_note(note)).claimed
        with node.db.read() as conn:
            kept = {one.size: one.root for one in foreign.kept_checkpoints(conn, origin)}
        if claimed.origin == origin and kept.get(claimed.size) == claimed.root.hex():
            latest = node.clock.now() + MAX_AHEAD_SECONDS
            lines = parse_note(note).signatures
            for key, kind in known_cosigners(node).items():
                found += _verified(claimed, [line for line in lines if _is_by(line, key)], key, kind, latest)
    if found:
        with node.db.write() as conn:
            cosignatures.put(conn, found)
            cosignatures.prune(conn, origin, KEEP_SIZES)
    return len(found)


def known_cosigners(node: Keeper) -> Mapping[NoteKey, str]:
    """Return the keys of cosigners that are known here, this node's own among them, with their kind."""
    with node.db.read() as conn:
        rows = cosigners.every(conn)
    found = {parse_vkey(text): row.kind for row in rows for text in row.vkey.splitlines()}
    found |= {cosigner_key(witness_name(node.origin), one.public): WITNESS for one in node.keys.witnesses}
    found[cosigner_key(mirror_name(node.origin), node.keys.mirror.public)] = MIRROR
    return found


def _is_by(line: SignatureLine, key: NoteKey) -> bool:
    return (line.name, line.key_id) == (key.name, key.key_id)


def _verified(head: Checkpoint, lines: list[SignatureLine], key: NoteKey, kind: str, latest: int) -> list[Cosignature]:
    found = []
    for line in lines:
        with suppress(HanseError):
            for one in verify_cosignatures(head, (line,), [key]):
                if 0 < one.time <= latest:
                    row = (head.origin, head.size, key.name, key.key_id.hex(), kind, head.root.hex(), one.time, line.text)
                    found.append(Cosignature(*row))
    return found


def shown_note(node: Keeper, origin: str, kept: KeptCheckpoint) -> bytes:
    """Return a kept checkpoint with all cosignatures that are known of it."""
    with node.db.read() as conn:
        others = cosignatures.of_size(conn, origin, kept.size)
    return witness.with_lines(kept.note, kept.root, others)
