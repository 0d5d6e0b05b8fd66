"""Scorers by name and version: a score follows from item and text alone, so that everybody recomputes it bit for bit."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hanse.errors import NotFoundError
from hanse.evals.suite import Item
from hanse.evals.transcript import Scorer

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def _exact(item: Item, text: str) -> float:
    return float(text.strip() == item.target.strip())


def _number(item: Item, text: str) -> float:
    found = _NUMBER.findall(text.replace(",", ""))
    return float(bool(found) and found[0] == item.target.strip())


def _last_number(item: Item, text: str) -> float:
    found = _NUMBER.findall(text.replace(",", ""))
    return float(bool(found) and found[-1] == item.target.strip())


BUILT_IN: Mapping[tuple[str, str], Scorer] = {
    ("exact", "1"): _exact,
    ("first-number", "1"): _number,
    ("last-number", "1"): _last_number,
}


def scorer_of(named: tuple[str, str]) -> Scorer:
    """Return a scorer; raises NotFoundError for one that this version does not have."""
    found = BUILT_IN.get(named)
    if found is None:
        known = ", ".join(" ".join(one) for one in sorted(BUILT_IN))
        raise NotFoundError(f"there is no scorer {' '.join(named)} here", hint=f"a suite names one of: {known}")
    return found
