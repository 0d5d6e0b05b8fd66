"""What the calls of a pickle mean: stub."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.facts import View
from hanse.scan.formats import Context
from hanse.scan.ruleset import Hit


def judge(_view: View, _context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a view."""
    yield from ()
