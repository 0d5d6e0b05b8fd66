"""What an audit asks for: a revision that both logs list, and ranges of its files, drawn from both logs together.

1. The seed: the auditor's log as others last cosigned it, and the member's log as the auditor replayed and holds it. The member
   cannot know the one, the auditor cannot choose the other, and who wants to draw again can.
2. The first revision, by commit id, from a drawn point on, that the member's log lists, that this node attested, and that
   everybody may read here.
3. Positions among all its bytes; of each the whole chunks from there on, so that what comes can be checked by chunk hashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hanse.content.hashing import parse_chunk_list
from hanse.db import audits, cosignatures, revisions, witnesses
from hanse.db.repos import Repo
from hanse.flows.node import Node
from hanse.model.digest import GitOid, Sha256
from hanse.model.entry import Entry
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin
from hanse.sign.audit import Seed
from hanse.sign.statement import OMS
from hanse.store.keys import chunk_list_key

SAMPLES = 3
SAMPLE_BYTES = 64 * 1024
"""A sample has at least so many bytes, if the file has, and at most one chunk more."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of a file to ask for, and the chunks (hash, length) that it must be made of."""

    pin: FilePin
    start: int
    end: int
    chunks: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is to be asked for. index: of the leaf in the member's log that lists the revision."""

    seed: Seed
    repo: Repo
    rev: GitOid
    tree: Sha256
    index: int
    pieces: tuple[Piece, ...]


def draw(node: Node, member: Origin, number: int) -> Drawn | None:
    """Return the audit with this number of a member; None if neither log nor a revision is there to draw from."""
    # 1. The seed.
    with node.db.read() as conn:
        log, own = witnesses.find(conn, member), cosignatures.largest(conn, node.origin)
    if log is None or own is None or not log.mirrored:
        return None
    seed = Seed(node.origin, member, (own.size, own.root), (log.mirrored, log.mirrored_root), number)
    # 2. The revision.
    with node.db.read() as conn:
        found = audits.both_hold(conn, member, log.mirrored, OMS, point=seed.point(), from_point=True)
        found = found or audits.both_hold(conn, member, log.mirrored, OMS, point="", from_point=False)
        row = None if found is None else revisions.get(conn, found[0].id, found[1])
    if found is None or row is None:
        return None
    repo, rev, tree, index = found
    # 3. The ranges.
    entries = [one for one in node.listings.get(node.store, row.object).directory.entries() if one.size]
    return Drawn(seed, repo, rev, tree, index, tuple(_pieces(node, seed, entries)))


def _pieces(node: Node, seed: Seed, entries: Sequence[Entry]) -> Iterator[Piece]:
    total = sum(entry.size for entry in entries)
    for sample in range(SAMPLES if total else 0):
        position = seed.draw(sample, total)
        for entry in entries:
            if position < entry.size:
                yield _piece(node, entry, position)
                break
            position -= entry.size


def _piece(node: Node, entry: Entry, position: int) -> Piece:
    """Return the whole chunks from the one at `position` on."""
    start = at = 0
    taken: list[tuple[bytes, int]] = []
    for value, length in parse_chunk_list(node.store.get(chunk_list_key(entry.xet))):
        if at + length > position:
            start = start if taken else at
            taken.append((value, length))
        at += length
        if taken and at - start >= SAMPLE_BYTES:
            break
    pin = FilePin(entry.path, entry.size, entry.git_oid, entry.lfs, entry.sha256, entry.xet)
    return Piece(pin, start, start + sum(length for _, length in taken), tuple(taken))
