"""Which items an audit takes: drawn from a seed that nobody chose, so that anybody can draw them again.

The seed is SHA-256 over the first cosigned checkpoint after the record's inclusion in a log, and the record's digest. Whoever
makes a record cannot know it, and every attempt at a luckier one is another record in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hanse.errors import BadFormat
from hanse.evals.generate import Draw
from hanse.evals.itemtable import SCORED, ItemTable
from hanse.model.digest import Sha256, parse_sha256

USUAL = 60
"""Items that an audit takes unless it is told otherwise: 5 % of invented items are missed in 4.6 % of audits."""


def seed_of(checkpoint: bytes, record: str) -> bytes:
    """Return the seed of a record's challenge. checkpoint: its signed text (origin, size, root), without the signatures."""
    return hashlib.sha256(checkpoint_digest(checkpoint).encode() + b"\n" + parse_sha256(record).encode()).digest()


def checkpoint_digest(checkpoint: bytes) -> Sha256:
    """Return what a countersignature names a checkpoint by: SHA-256 of its signed text, in hex."""
    return Sha256(hashlib.sha256(checkpoint).hexdigest())


def first_after(index: int, sizes: Sequence[int]) -> int:
    """Return the place of the checkpoint whose text makes the seed of a leaf: the smallest that has the leaf.

    sizes: of a log's cosigned checkpoints. Raises BadFormat if none has it yet.
    """
    having = [(size, at) for at, size in enumerate(sizes) if size > index]
    if not having:
        raise BadFormat(f"no checkpoint has the leaf {index} yet", hint="wait for the next one")
    return min(having)[1]


def draw(seed: bytes, table: ItemTable, k: int) -> tuple[tuple[str, int], ...]:
    """Return k items of a table with their epochs, among those that came to an end, sorted; all of them if there are no more.

    Raises BadFormat for k below 1.
    """
    if k < 1:
        raise BadFormat(f"an audit takes one item at least, not {k}")
    rest = [(row.item, row.epoch) for row in table.rows if row.status in SCORED]
    drawn, numbers = [], Draw(seed, "audit 1")
    for _ in range(min(k, len(rest))):
        at = numbers.below(len(rest))
        rest[at], rest[-1] = rest[-1], rest[at]
        drawn.append(rest.pop())
    return tuple(sorted(drawn))


def missed(share: float, k: int, items: int) -> float:
    """Return the probability that none of a share of invented items is among k that are drawn from all."""
    bad = round(share * items)
    chance = 1.0
    for at in range(min(k, items)):
        chance *= max(0.0, (items - bad - at) / (items - at))
    return chance
