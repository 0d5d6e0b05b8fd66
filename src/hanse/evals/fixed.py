"""Numbers in signed records: fixed-point texts with six places, because doubles have no one canonical form everywhere."""

from __future__ import annotations

import math
import re

from hanse.errors import BadFormat

PLACES = 6
_FORM = re.compile(r"-?(0|[1-9][0-9]{0,11})\.[0-9]{6}")


def fixed(value: float) -> str:
    """Return a number as a record has it, such as `0.031250`; half-way cases go to the even neighbour.

    Raises BadFormat for NaN, infinities and what has more than twelve digits before the point.
    """
    if not math.isfinite(value):
        raise BadFormat(f"a record has finite numbers, got {value}")
    text = f"{value:.{PLACES}f}"
    text = text.removeprefix("-") if float(text) == 0 else text
    if _FORM.fullmatch(text) is None:
        raise BadFormat(f"a number in a record has at most twelve digits before the point, got {text[:40]}")
    return text


def parse_fixed(text: object, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return the number in such a text; `what` names it in messages. Raises BadFormat for any other form, and out of bounds."""
    if type(text) is not str or _FORM.fullmatch(text) is None or text == "-0.000000":
        raise BadFormat(f"{what} must be a number with {PLACES} places in a text, such as 0.031250, got {str(text)[:40]!r}")
    value = float(text)
    if not low <= value <= high:
        raise BadFormat(f"{what} must lie between {low:g} and {high:g}, got {text}")
    return value
