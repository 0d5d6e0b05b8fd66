"""Query parameters of the Hub API, parsed and bounded."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import msgspec

from hanse.errors import BadFormat, InputError
from hanse.web.routing import Call

MAX_VALUES = 100
MAX_VALUE = 1000


def values(call: Call, *names: str) -> list[str]:
    """Return every value of a repeatable parameter, also of its `name[]` form and with commas inside; raises InputError."""
    wanted = {form for name in names for form in (name, f"{name}[]")}
    found = [part.strip() for key, value in call.request.query_params.multi_items() if key in wanted for part in value.split(",")]
    if len(found) > MAX_VALUES or any(len(one) > MAX_VALUE for one in found):
        raise InputError(f"{names[0]} may have at most {MAX_VALUES} values of {MAX_VALUE} characters")
    return [one for one in found if one]


def flag(call: Call, name: str) -> bool:
    """Tell whether a parameter is switched on (`true`, `1`, or present without a value)."""
    value = call.request.query_params.get(name)
    return value is not None and value.lower() in ("", "true", "1")


def whole(call: Call, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number, cut to `low` … `high`; raises InputError if it is none."""
    text = call.request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InputError(f"{name} must be a whole number, got {text[:40]!r}")
    return max(low, min(int(text), high))


def expand_of(call: Call, allowed: Iterable[str]) -> list[str]:
    """Return the fields asked for by `expand`; raises InputError naming the allowed ones."""
    asked = values(call, "expand")
    known = sorted(allowed)
    for one in asked:
        if one not in known:
            raise InputError(f'"expand" must be one of [{", ".join(known)}], got {one[:60]!r}')
    return asked


def encode_cursor(*parts: str | int | bool) -> str:
    """Return an opaque text for the Link to the next page."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def decode_cursor(text: str, *types: type) -> tuple[Any, ...]:
    """Return the parts of a cursor of exactly these types; raises BadFormat."""
    try:
        parts = msgspec.json.decode(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise BadFormat("the cursor is not one of this node", hint="start from the first page") from error
    if not isinstance(parts, list) or [type(part) for part in parts] != list(types):
        raise BadFormat("the cursor is not one of this node", hint="start from the first page")
    if any(isinstance(part, int) and not 0 <= part < 2**63 for part in parts):
        raise BadFormat("the cursor is out of range", hint="start from the first page")
    return tuple(parts)


def next_url(call: Call, path: str, cursor: str) -> str:
    """Return the absolute address of the same query with another cursor; `path` starts with a slash and is quoted."""
    kept = [(key, value) for key, value in call.request.query_params.multi_items() if key != "cursor"]
    return f"{call.base}{path}?{urlencode([*kept, ('cursor', cursor)])}"
