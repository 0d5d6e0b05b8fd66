"""Scorers that hold an answer against the item's target: equal, the same number, the same choice, or with it inside."""

from __future__ import annotations

import re
import unicodedata

from hanse.errors import BadFormat
from hanse.evals.suite import Item

_NUMBER = re.compile(r"[-\u2212]?[0-9][0-9,]{0,60}(?:\.[0-9]{1,60})?")
_WORD = re.compile(r"\w{1,64}")
_MARKS = " \t\r\n.,;:!?\"'`*_()[]{}<>"


def plain(text: str) -> str:
    """Return a text as answers are compared: compatibility characters resolved, lower case, one space between words."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def exact(item: Item, answer: str) -> float:
    """Return 1 if the answer is the target but for case, spaces and marks around it, else 0."""
    return float(_bare(answer) == _bare(_target(item)))


def number(item: Item, answer: str) -> float:
    """Return 1 if the last number of the answer's first line that has one is the target, else 0.

    Commas between digits and zeros at the end of decimal places do not matter. The first line counts, because small models go on
    to ask and answer questions of their own.
    """
    wanted = _value(_target(item))
    for line in answer.splitlines():
        found = _NUMBER.findall(line)
        if found:
            return float(_value(found[-1]) == wanted)
    return 0.0


def choice(item: Item, answer: str) -> float:
    """Return 1 if the answer is the target among the item's choices, or its first word is the target's, else 0."""
    target = _target(item)
    if item.choices:
        if target not in item.choices:
            raise BadFormat(f"the target of the item {item.id} must be one of its choices")
        return float(answer == target)
    first = _WORD.search(plain(answer))
    return float(first is not None and first[0] == plain(target))


def contains(item: Item, answer: str) -> float:
    """Return 1 if the target stands in the answer, case and spaces aside, else 0."""
    return float(plain(_target(item)) in plain(answer))


def _bare(text: str) -> str:
    return plain(text).strip(_MARKS)


def _target(item: Item) -> str:
    if not item.target.strip():
        raise BadFormat(f"the item {item.id} has no target to hold an answer against")
    return item.target


def _value(text: str) -> str:
    """Return a number in one form: no commas, no needless zeros, no minus before 0."""
    digits = text.strip().replace(",", "").replace("\u2212", "-")
    minus, whole = digits.startswith("-"), digits.lstrip("-")
    before, _, after = whole.partition(".")
    before, after = before.lstrip("0") or "0", after.rstrip("0")
    value = f"{before}.{after}" if after else before
    return f"-{value}" if minus and value != "0" else value
