"""Canonical JSON (RFC 8785): written so, and read only if it was written so.

One value has one sequence of bytes, so hashes and signatures of the bytes are hashes and signatures of the value.

Most of what is written and read here (leaves, statements, facts) is objects with ASCII names, texts, small integers and lists.
For these the standard library's encoder, told to sort and not to space, writes the bytes that RFC 8785 asks for, several
times faster; everything else goes through the library `rfc8785`. A property test holds the two equal.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import rfc8785

from hanse.errors import BadFormat, TooLarge
from hanse.model.strictjson import check_depth

MAX_DEPTH = 8
"""Deepest nesting that is read: no record of ours has more than three levels."""
_MAX_INT = 2**53 - 1
_plain = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False)


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    Raises BadFormat for what has none: integers from 2^53 on, NaN and infinities, unpaired surrogates, other types.
    """
    try:
        if _is_plain(value):
            return _plain.encode(value).encode("utf-8")
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:  # the latter: unpaired surrogates in keys
        raise BadFormat(f"no canonical JSON form: {str(error)[:200]}") from error


def parse_canonical(data: bytes, what: str, limit: int) -> dict[str, Any]:
    """Return the JSON object in `data`; `what` names it in messages, such as `a leaf`.

    Raises TooLarge above `limit` bytes; BadFormat unless `data` is exactly the RFC 8785 form of an object that nests at most
    `MAX_DEPTH` levels.
    """
    if len(data) > limit:
        raise TooLarge(f"{what} has at most {limit} bytes, got {len(data)}")
    try:
        value = _reader.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # bad UTF-8 or JSON, numbers of thousands of digits, deep nesting
        raise BadFormat(f"{what} must be RFC 8785 JSON: {str(error)[:200]}") from error
    if type(value) is not dict:
        raise BadFormat(f"{what} must be a JSON object")
    check_depth(value, what, MAX_DEPTH)
    if canonical(value) != data:
        raise BadFormat(f"{what} must be in the canonical form of RFC 8785 (sorted fields, no spaces, no doubles)")
    return value


def _is_plain(value: Any) -> bool:
    """Tell whether the standard encoder writes this value as RFC 8785 asks for: no floats, and names sorted alike in UTF-16."""
    rest = [value]
    for item in rest:
        kind = type(item)
        if kind is dict:
            if not _ascii_names(item):
                return False
            rest.extend(item.values())
        elif kind is list:
            rest.extend(item)
        elif kind is int:
            if not -_MAX_INT <= item <= _MAX_INT:
                return False
        elif kind is not str and kind is not bool and item is not None:
            return False
    return True


def _ascii_names(item: dict[Any, Any]) -> bool:
    try:
        return "".join(item).isascii()
    except TypeError:
        return False


def _no_constant(name: str) -> NoReturn:
    raise BadFormat(f"{name} is no JSON number")


_reader = json.JSONDecoder(parse_constant=_no_constant)
