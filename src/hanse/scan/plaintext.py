"""Text without a structure that a loader acts on: known, and nothing more is said about it."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.textual import encoding_of, looks_like_text
from hanse.scan.walk import ViewBuilder, Walk


def claims(head: bytes, _source: Source) -> bool:
    """Tell whether the content begins as text."""
    return looks_like_text(head)


def observe(source: Source, view: ViewBuilder, _walk: Walk) -> None:
    """Write down its encoding."""
    view.see("encoding", 0, name=encoding_of(source.read_at(0, 4))[0])


def judge(_view: View, _context: Context) -> Iterator[Hit]:
    """Yield nothing: what text holds is judged by the views that know its grammar."""
    yield from ()


FORMATS = (Format("text", executes=False, judge=judge, claims=claims, observe=observe),)
