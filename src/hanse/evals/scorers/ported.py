"""Scorers of other harnesses, to the letter: so that outcomes in their logs can be recomputed from the answers there.

They are not what a new suite should use: `exact` and `contains` look past case, spaces and marks alike in every language.
"""

from __future__ import annotations

import string

from hanse.evals.suite import Item

_AROUND = string.whitespace + string.punctuation


def verbatim(item: Item, answer: str) -> float:
    """Return 1 if the answer is the target, character for character, else 0: `exact_match` of lm-eval."""
    return float(answer == item.target)


def verbatim_lower(item: Item, answer: str) -> float:
    """Return the same in lower case: `exact_match` of lm-eval with `ignore_case`."""
    return float(answer.lower() == item.target.lower())


def includes(item: Item, answer: str) -> float:
    """Return 1 if the target stands in the answer, case aside, else 0: `includes` of Inspect AI."""
    return float(item.target.casefold() in answer.casefold())


def ends(item: Item, answer: str) -> float:
    """Return 1 if the answer ends in the target, case and ASCII marks and spaces around both aside: `match` of Inspect AI."""
    found, wanted = (text.strip().casefold().strip(_AROUND) for text in (answer, item.target))
    return float(found.endswith(wanted))
