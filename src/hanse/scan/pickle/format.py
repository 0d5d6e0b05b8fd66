"""Pickle streams as a format: what claims to be one, and the facts about it."""

from __future__ import annotations

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.formats import Format
from hanse.scan.pickle.judge import judge
from hanse.scan.pickle.search import searchable
from hanse.scan.pickle.streams import buried, observe_at, plausible
from hanse.scan.source import Source
from hanse.scan.walk import ViewBuilder, Walk

SEARCH_OPERATIONS = 1_000_000
STREAM_COST = 500


def claims(head: bytes, source: Source) -> bool:
    """Tell whether a source begins with a pickle stream, or has one behind bytes of no known format."""
    if plausible(source, 0):
        return True
    if not searchable(head):
        return False
    try:
        return buried(source, Budget({"operations": SEARCH_OPERATIONS})) is not None
    except OverBudget:
        return True


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write what the streams of a source import, call and build into the view."""
    walk.budget.spend("operations", STREAM_COST)
    start: int | None = 0
    if not plausible(source, 0):
        start = buried(source, Budget({"operations": SEARCH_OPERATIONS}))
        view.see("buried", start)
    if start is not None:
        observe_at(source, start, view, walk)


FORMATS = (Format("pickle", True, judge, claims, observe),)
