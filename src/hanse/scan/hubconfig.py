"""Configurations of the Hub's libraries: custom code, components, shard indexes, and the templates in them."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.ruleset import Hit
from hanse.scan.source import Source
from hanse.scan.walk import Walk


def observe(_value: object, _source: Source, _member: str, _walk: Walk) -> None:
    """Add a view if the document is such a configuration."""


def judge(_view: View, _context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a view."""
    yield from ()


FORMATS = (Format("hubconfig", True, judge),)
"""Never claims: `hanse.scan.document` shows it every parsed document."""
