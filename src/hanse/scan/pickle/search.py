"""Pickle streams behind other bytes: found by what they begin with, in a bounded search."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.source import Source

SEARCHED = 16 << 20
"""Bytes of a source that are searched."""
_STEP = 1 << 20
_OVERLAP = 256
_COST = 32
"""Bytes searched for one operation."""
MAX_TRIALS = 2_000
_BEGIN = re.compile(rb"\x80[\x02-\x05][\x95\x8cXcK(\]})]|c[A-Za-z_][\w.]{1,60}\n[A-Za-z_][\w.]{0,60}\n[(X\x8cVSq)p]")
"""PROTO with what streams begin with, or the opcode GLOBAL with two names and what follows it."""
_CONTAINERS = re.compile(
    rb"PK[\x03\x05]|.{5}\x00{3}\{[ \t\r\n]*[\x22}]|GGUF|\x89HDF|\x7fELF|\x1f\x8b|BZh|\xfd7zX|7z\xbc\xaf|\x93NUMPY|.{4}TFL3",
    re.DOTALL,
)
"""Formats with a structure of their own, in which nothing is searched: their parts are members."""


def searchable(head: bytes) -> bool:
    """Tell whether a source that begins with `head` is searched: not the containers, not plain text."""
    return len(head) > 1 and _CONTAINERS.match(head) is None and head[257:262] != b"ustar" and not head.isascii()


def beginnings(source: Source, start: int, budget: Budget) -> Iterator[int]:
    """Yield where streams could begin, from `start` on, up to SEARCHED bytes and MAX_TRIALS places.

    Raises OverBudget when there are more places: a file made of beginnings is not read to its end.
    """
    end = min(source.size, start + SEARCHED)
    found = 0
    last = -1
    for at in range(start, end, _STEP):
        piece = source.read_at(at, min(_STEP + _OVERLAP, end - at))
        budget.spend("operations", len(piece) // _COST)
        for match in _BEGIN.finditer(piece):
            if at + match.start() <= last:
                continue
            last = at + match.start()
            found += 1
            if found > MAX_TRIALS:
                raise OverBudget("search")
            yield last
