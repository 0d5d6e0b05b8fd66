"""Pickle streams as a format: what claims to be one, and the facts about it."""

from __future__ import annotations

from hanse.scan.formats import Format
from hanse.scan.pickle.judge import judge
from hanse.scan.pickle.streams import observe_at, plausible
from hanse.scan.source import Source
from hanse.scan.walk import ViewBuilder, Walk


def claims(_head: bytes, source: Source) -> bool:
    """Tell whether a source begins with a pickle stream."""
    return plausible(source, 0)


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write what the streams of a source import, call and build into the view."""
    observe_at(source, 0, view, walk)


FORMATS = (Format("pickle", True, judge, claims, observe),)
