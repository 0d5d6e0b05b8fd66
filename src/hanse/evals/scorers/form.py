"""A scorer for the form of an answer: the item's target lists checks, and all of them must hold.

The target is canonical JSON: an object with the field `checks`, a list of [name, argument]. Only form is checked, never whether
what is said is true, so that every machine comes to the same result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from hanse.errors import BadFormat
from hanse.evals.suite import Item
from hanse.model.canonical import canonical, parse_canonical

MAX_CHECKS = 16
MAX_TARGET = 8192
MAX_JSON = 16 * 1024
_DEEP = 32
_BULLET = re.compile(r"[-*\u2022] \S")
_NUMBERED = re.compile(r"[0-9]{1,3}[.)] \S")
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_END = re.compile(r"[.!?\u3002\uff01\uff1f]+(?=\s|$)")


def target_of(*checks: tuple[str, int | str]) -> str:
    """Return the target that asks for these checks."""
    return canonical({"checks": [list(one) for one in checks]}).decode()


def form(item: Item, answer: str) -> float:
    """Return 1 if the answer passes every check that the item's target lists, else 0; raises BadFormat for unknown checks."""
    said = parse_canonical(item.target.encode(), f"the target of the item {item.id}", MAX_TARGET)
    checks = said.get("checks")
    if said.keys() != {"checks"} or type(checks) is not list or not 0 < len(checks) <= MAX_CHECKS:
        raise BadFormat(f"the target of the item {item.id} lists 1 to {MAX_CHECKS} checks")
    return float(all(_check(one, answer.strip(), item.id) for one in checks))


def _check(said: object, answer: str, name: str) -> bool:
    if type(said) is not list or len(said) != 2 or said[0] not in CHECKS:
        raise BadFormat(f"the item {name} has a check that is not one of {', '.join(CHECKS)}")
    wants, holds = CHECKS[said[0]]
    if type(said[1]) is not wants:
        raise BadFormat(f"the check {said[0]} of the item {name} takes a {'number' if wants is int else 'text'}")
    return holds(answer, said[1])


def words(text: str) -> list[str]:
    """Return the words of a text; an apostrophe or a hyphen between letters is part of a word."""
    return _WORD.findall(text)


def sentences(text: str) -> int:
    """Return how many sentences a text has: ends of sentences, and what stands after the last one."""
    ends = list(_END.finditer(text))
    rest = text[ends[-1].end() :] if ends else text
    return len(ends) + bool(rest.strip())


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _all_lines(text: str, form_of: re.Pattern[str], count: int) -> bool:
    lines = _lines(text)
    return len(lines) == count and all(form_of.match(line) for line in lines)


def _json(text: str) -> Any:
    """Return the JSON value of an answer, alone or in a code fence; None if it is none."""
    inner = text.removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if len(inner) > MAX_JSON or inner.count("[") + inner.count("{") > MAX_JSON // _DEEP:
        return None
    try:
        return json.loads(inner)
    except (ValueError, RecursionError):
        return None


def _json_keys(text: str, wanted: str) -> bool:
    value = _json(text)
    return type(value) is dict and sorted(value) == sorted(wanted.split(","))


def _json_list(text: str, count: int) -> bool:
    value = _json(text)
    return type(value) is list and len(value) == count and all(type(one) is str for one in value)


def _lower(text: str) -> bool:
    return text == text.lower() and any(one.isalpha() for one in text)


def _upper(text: str) -> bool:
    return text == text.upper() and any(one.isalpha() for one in text)


CHECKS: Mapping[str, tuple[type, Callable[[str, Any], bool]]] = {
    "words-most": (int, lambda text, count: 0 < len(words(text)) <= count),
    "words-exactly": (int, lambda text, count: len(words(text)) == count),
    "words-least": (int, lambda text, count: len(words(text)) >= count),
    "sentences-exactly": (int, lambda text, count: sentences(text) == count),
    "lines-exactly": (int, lambda text, count: len(_lines(text)) == count),
    "bullets-exactly": (int, lambda text, count: _all_lines(text, _BULLET, count)),
    "numbered-exactly": (int, lambda text, count: _all_lines(text, _NUMBERED, count)),
    "commas-exactly": (int, lambda text, count: text.count(",") == count),
    "starts-with": (str, lambda text, start: text.startswith(start)),
    "ends-with": (str, lambda text, end: text.endswith(end)),
    "without": (str, lambda text, word: word.casefold() not in text.casefold()),
    "with": (str, lambda text, word: word.casefold() in text.casefold()),
    "lower-case": (str, lambda text, _: _lower(text)),
    "upper-case": (str, lambda text, _: _upper(text)),
    "json-keys": (str, _json_keys),
    "json-list": (int, _json_list),
}
"""Checks by name: what their argument is, and whether they hold for an answer."""
