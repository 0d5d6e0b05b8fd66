"""The scorers that a suite may name: by name and version, which never change what they say.

A scorer is a function of an item and an answer. It returns the outcome, 0 to 1. It is the same on every machine, so whoever has
the answers recomputes every score bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hanse.errors import BadFormat
from hanse.evals.scorers.exact import choice, contains, exact, number
from hanse.evals.scorers.form import form
from hanse.evals.scorers.pattern import pattern
from hanse.evals.scorers.ported import ends, includes, verbatim, verbatim_lower
from hanse.evals.scorers.refusal import refusal
from hanse.evals.scorers.toxicity import toxicity
from hanse.evals.suite import Item, Suite

MAX_ANSWER = 256 * 1024
"""Characters of an answer that are looked at."""

Scorer = Callable[[Item, str], float]

SCORERS: Mapping[tuple[str, str], Scorer] = {
    ("exact", "1"): exact,
    ("number", "1"): number,
    ("choice", "1"): choice,
    ("contains", "1"): contains,
    ("pattern", "1"): pattern,
    ("form", "1"): form,
    ("refusal", "1"): refusal,
    ("toxicity", "1"): toxicity,
    ("verbatim", "1"): verbatim,
    ("verbatim-lower", "1"): verbatim_lower,
    ("includes", "1"): includes,
    ("ends", "1"): ends,
}


def scorer_of(suite: Suite) -> Scorer:
    """Return the scorer that a suite names; raises BadFormat for one that this version does not have."""
    found = SCORERS.get(suite.scorer)
    if found is None:
        known = ", ".join(f"{name} {version}" for name, version in SCORERS)
        raise BadFormat(
            f"the suite {suite.name} is scored by {' '.join(suite.scorer)}, which this version does not have; it has {known}"
        )
    return found


def score(suite: Suite, item: Item, answer: str) -> float:
    """Return what an answer to one of a suite's items is worth; raises BadFormat if suite or item cannot be scored."""
    return scorer_of(suite)(item, answer[:MAX_ANSWER])
