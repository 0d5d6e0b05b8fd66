"""JSON written by others, read so that every reader sees the same value: no duplicate fields, no NaN, no lone surrogates.

Parsers differ on duplicate fields (first or last wins), so a signed document that has them means different things to different
readers. What is written here is canonical JSON instead (`hanse.model.canonical`).
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from hanse.errors import BadFormat, TooLarge

MAX_DEPTH = 16
"""Deepest nesting that is read."""


def parse_strict(data: bytes, what: str, limit: int, *, marks: int | None = None, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the JSON object in `data`; `what` names it in messages, such as `a bundle`.

    limit: largest size in bytes; marks: most commas and brackets, which bounds the number of values where the bytes are mostly
    one long text. Raises TooLarge beyond these; BadFormat for anything but an object in UTF-8 that nests at most `depth`
    levels, with duplicate fields, numbers without a value, or unpaired surrogates.
    """
    if len(data) > limit:
        raise TooLarge(f"{what} has at most {limit:,} bytes, got {len(data):,}")
    if marks is not None and sum(data.count(mark) for mark in (b",", b"[", b"{")) > marks:
        raise TooLarge(f"{what} has more values than it can need")
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_fields, parse_constant=_refuse, parse_float=_finite)
        if "\\u" in text:  # only escapes can bring in halves of a pair
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:  # bad UTF-8 or JSON, numbers of thousands of digits, deep nesting
        raise BadFormat(f"{what} must be JSON in UTF-8: {str(error)[:200]}") from error
    if type(value) is not dict:
        raise BadFormat(f"{what} must be a JSON object")
    check_depth(value, what, depth)
    return value


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadFormat(f"the JSON field {twice[:80]!r} is there twice")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadFormat(f"{text[:40]} is no number that can be kept")
    return value


def _refuse(name: str) -> NoReturn:
    raise BadFormat(f"{name} is no JSON number")


def check_depth(value: Any, what: str, most: int) -> None:
    """Raise BadFormat for what nests more than `most` levels; without recursion, so that nobody can make the stack run out."""
    row = [value]
    for _ in range(most):
        row = [child for item in row if isinstance(item, dict | list) for child in _children(item)]
        if not row:
            return
    raise BadFormat(f"{what} nests at most {most} levels")


def _children(item: dict[str, Any] | list[Any]) -> list[Any]:
    return list(item.values()) if isinstance(item, dict) else item
