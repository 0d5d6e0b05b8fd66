"""Whether one of the checkpoints that nodes show of a log continues the other: one key may have signed two histories.

Sizes alone do not tell: the shorter one is older only if the longer log begins with it. What is asked for is proof that it does
not, which nobody can make up: both checkpoints are signed by the log, and the leaves of the one are not the first of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from hanse.errors import HanseError
from hanse.flows.pins import LogPin, Pins
from hanse.flows.pull.merge import Shown
from hanse.model.evidence import LogEvidence
from hanse.model.repo import Origin
from hanse.tlog.checkpoint import Checkpoint, VerifiedCheckpoint, open_checkpoint
from hanse.tlog.proof import proven_prefix


class Growth(Protocol):
    """Where proofs come from that a log goes on."""

    def growth(self, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins], /) -> Mapping[Origin, Sequence[bytes]]:
        """Return the proofs between pinned and shown checkpoints, as far as they are there."""
        ...


def two_histories(head: VerifiedCheckpoint, shown: Sequence[Shown], sources: Sequence[Growth]) -> bytes | None:
    """Return a checkpoint of the log of `head` that excludes it, None if all that are shown may be of one history.

    sources: asked one after the other, until one proves that it is so, or that it is not.
    """
    for other in _others(head.checkpoint.origin, shown):
        with suppress(HanseError):
            theirs = open_checkpoint(other.checkpoint, *head.by).checkpoint
            if _excluded(head.checkpoint, theirs, other, sources):
                return other.checkpoint
    return None


def _others(origin: str, shown: Sequence[Shown]) -> Iterator[LogEvidence]:
    for one in shown:
        with suppress(HanseError):
            yield from (found for found in one.evidence.logs if found.origin == origin)


def _excluded(mine: Checkpoint, theirs: Checkpoint, other: LogEvidence, sources: Sequence[Growth]) -> bool:
    """Tell whether it is proven that the longer one of two checkpoints does not begin with the shorter one."""
    old, new = sorted((mine, theirs), key=lambda one: one.size)
    pins = {other.origin: Pins(other.origin, LogPin((), 0, mine.size, mine.root.hex(), "", 0))}
    for source in sources if 0 < old.size < new.size else ():
        path = source.growth([other], pins).get(other.origin)
        before = None if path is None else proven_prefix(old.size, new.size, new.root, path)
        if before is not None:
            return before != old.root
    return False
