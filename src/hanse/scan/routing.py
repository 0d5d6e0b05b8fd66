"""What a name promises against what the content is: loaders go by names, so a disagreement is itself a finding."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.formats import Context
from hanse.scan.ruleset import Hit


def judge_routing(context: Context) -> Iterator[Hit]:
    """Yield the rules about a file's name and what its content turned out to be."""
    if not context.path:
        return
    yield from ()
