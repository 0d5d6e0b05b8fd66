"""Constants in templates folded: what an expression can be, as far as it is made of literals.

A value is a tuple of the few constants that an expression can be; None stands for everything else. Sizes are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

MAX_CHOICES = 16
MAX_STRING = 4096
MAX_ITEMS = 256
Known = tuple[Any, ...]
Value = Known | None
"""Constants: str, int, bool, None and tuples of them."""
_FORMAT_SAFE = re.compile(r"(?:[^%]|%%|%[scdxXr])*+")
_BRACE_SAFE = re.compile(r"(?:[^{}]|\{\{|\}\}|\{\d{0,2}(?:![sr])?(?::c)?\})*+")


def combine(function: Callable[..., Any], *values: Value) -> Value:
    """Return what a function gives for every choice of its arguments, None if something is unknown, too much or fails."""
    if any(value is None for value in values):
        return None
    results = []
    for count, arguments in enumerate(product(*(value for value in values if value is not None))):
        if count >= MAX_CHOICES:
            return None
        try:
            result = function(*arguments)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError):
            return None
        if not _small(result):
            return None
        results.append(result)
    return tuple(dict.fromkeys(map(_hashable, results)))


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value


def _small(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_STRING
    if isinstance(value, list | tuple):
        return len(value) <= MAX_ITEMS and all(_small(item) for item in value)
    if isinstance(value, int):
        return value.bit_length() <= 64
    return value is None or isinstance(value, float)


def union(*values: Value) -> Value:
    """Return every choice of several values."""
    if any(value is None for value in values):
        return None
    choices = tuple(dict.fromkeys(item for value in values if value is not None for item in value))
    return choices if len(choices) <= MAX_CHOICES else None


def add(left: Any, right: Any) -> Any:
    """Return `left + right` of two texts, numbers or lists."""
    if type(left) is not type(right) and not (isinstance(left, int) and isinstance(right, int)):
        raise TypeError
    return left + right


def multiply(left: Any, right: Any) -> Any:
    """Return `left * right` unless that is large."""
    size = left if isinstance(left, int) else right
    if not isinstance(size, int) or abs(size) > MAX_STRING:
        raise ValueError
    other = right if size is left else left
    if not isinstance(other, int) and len(other) * max(size, 0) > MAX_STRING:
        raise ValueError
    return left * right


def percent(left: Any, right: Any) -> Any:
    """Return `left % right` of a text and what fills it, without widths."""
    if not isinstance(left, str):
        return left % right if isinstance(right, int) and right else None
    if not _FORMAT_SAFE.fullmatch(left) or not _short(right):
        raise ValueError
    return left % right


def braces(text: Any, *arguments: Any) -> Any:
    """Return `text.format(...)` where the text has plain places only."""
    if not isinstance(text, str) or not _BRACE_SAFE.fullmatch(text) or not _short(arguments):
        raise ValueError
    return text.format(*arguments)


def _short(value: Any) -> bool:
    """Tell whether a value is short as text, so that a few dozen copies of it are no burden."""
    if isinstance(value, tuple):
        return len(value) <= 64 and all(_short(item) for item in value)
    return not isinstance(value, str) or len(value) <= 64


def joined(value: Any, separator: Any = "") -> str:
    """Return the items of a text or list joined."""
    return str(separator).join(_text(item) for item in _items(value))


def _items(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        return tuple(value[:MAX_ITEMS])
    if isinstance(value, tuple):
        return value
    raise TypeError


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        raise TypeError
    return str(value)


def _replace(value: Any, old: Any = "", new: Any = "", _count: Any = None) -> str:
    if len(_text(value)) * (len(_text(new)) + 1) > MAX_STRING * 4:
        raise ValueError
    return _text(value).replace(_text(old), _text(new))


def _split(value: Any, separator: Any = None, _count: Any = None) -> tuple[str, ...]:
    return tuple(_text(value).split(separator))


def _char(value: Any) -> str:
    return chr(value)


FILTERS: dict[str, Callable[..., Any]] = {
    "join": joined,
    "replace": _replace,
    "lower": lambda value: _text(value).lower(),
    "upper": lambda value: _text(value).upper(),
    "capitalize": lambda value: _text(value).capitalize(),
    "trim": lambda value, chars=None: _text(value).strip(chars),
    "string": _text,
    "e": _text,
    "escape": _text,
    "safe": _text,
    "forceescape": _text,
    "list": _items,
    "reverse": lambda value: value[::-1],
    "first": lambda value: _items(value)[0],
    "last": lambda value: _items(value)[-1],
    "sort": lambda value: tuple(sorted(_items(value))),
    "unique": lambda value: tuple(dict.fromkeys(_items(value))),
    "format": lambda text, *values: percent(text, values),
    "default": lambda value, _other="", _boolean=False: value,
    "d": lambda value, _other="", _boolean=False: value,
    "int": int,
    "length": len,
}
"""Filters whose result for constants is known."""
METHODS: dict[str, Callable[..., Any]] = {
    "join": lambda separator, value: joined(value, separator),
    "replace": _replace,
    "lower": FILTERS["lower"],
    "upper": FILTERS["upper"],
    "casefold": FILTERS["lower"],
    "swapcase": lambda value: _text(value).swapcase(),
    "capitalize": FILTERS["capitalize"],
    "strip": FILTERS["trim"],
    "lstrip": lambda value, chars=None: _text(value).lstrip(chars),
    "rstrip": lambda value, chars=None: _text(value).rstrip(chars),
    "removeprefix": lambda value, start: _text(value).removeprefix(start),
    "removesuffix": lambda value, end: _text(value).removesuffix(end),
    "split": _split,
    "format": braces,
    "__add__": add,
    "__mod__": percent,
    "__getitem__": lambda value, at: value[at],
}
"""Methods of texts whose result for constants is known."""
FUNCTIONS: dict[str, Callable[..., Any]] = {"chr": _char, "str": _text, "list": _items, "reversed": FILTERS["reverse"]}


def subscript(value: Any, at: Any) -> Any:
    """Return `value[at]` of a text or list."""
    if not isinstance(value, str | tuple) or not isinstance(at, int):
        raise TypeError
    return value[at]


def sliced(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """Return `value[start:stop:step]` of a text or list."""
    if not isinstance(value, str | tuple):
        raise TypeError
    return value[slice(start, stop, step)]
