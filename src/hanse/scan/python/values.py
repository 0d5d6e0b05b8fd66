"""What an expression may be worth: a name from elsewhere, a constant, and where its content came from."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hanse.scan.budget import Budget

UNKNOWN = "\u2026"
"""Stands in a text for a part that is not known."""
MAX_CONSTANT = 1 << 20
MAX_LABELS = 8
MAX_NAME = 160


class Value(NamedTuple):
    """ref: dotted name, `()` for the result of a call; const: text, bytes, integer or tuple; labels: where it came from.

    Labels: `decoded` (made by a decoder), `computed` (a text put together), `fetched` (from a network), `file:PATH`, `env:NAME`,
    `environ` (all variables), `host` (about this machine or user), `socket`, `partial` (parts are unknown).
    """

    ref: str | None = None
    const: Any = None
    labels: frozenset[str] = frozenset()

    def text(self) -> str | None:
        """Return the constant as text, if it is one."""
        if isinstance(self.const, bytes):
            return self.const.decode("utf-8", "replace")
        return self.const if isinstance(self.const, str) else None


NOTHING = Value()


def merge(values: Iterable[Value]) -> frozenset[str]:
    """Return the labels of all values, a bounded number, always the same ones."""
    found = frozenset[str]().union(*(value.labels for value in values))
    return found if len(found) <= MAX_LABELS else frozenset(sorted(found, key=lambda one: (":" in one, one))[:MAX_LABELS])


def name_of(value: Value, attribute: str) -> str | None:
    """Return the dotted name of an attribute."""
    return f"{value.ref}.{attribute}" if value.ref is not None and len(value.ref) < MAX_NAME else None


def add(left: Any, right: Any) -> tuple[Any, bool]:
    """Return left + right for texts of which one may be unknown, and whether a part is."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return (left + right)[:4096], False
    if type(left) is type(right) and isinstance(left, str | bytes | int) and not isinstance(left, bool):
        whole = left + right
        return (whole if isinstance(whole, int) or len(whole) <= MAX_CONSTANT else None), False
    if isinstance(left, str):
        return (left + UNKNOWN if len(left) <= MAX_CONSTANT else None), True
    return (UNKNOWN + right, True) if isinstance(right, str) else (None, True)


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """Return a bounded result of an operator on constants, None for what is not followed."""
    if isinstance(left, int) and isinstance(right, int):
        if max(left.bit_length(), right.bit_length()) > 64:
            return None
        plain: dict[str, Callable[[int, int], int]] = {
            "-": int.__sub__, "*": int.__mul__, "^": int.__xor__, "|": int.__or__, "&": int.__and__,
        }  # fmt: skip
        return plain[operator](left, right) if operator in plain else None
    if operator == "%" and isinstance(left, str):
        return _percent(left, right)
    if operator == "*" and isinstance(left, str | bytes) and isinstance(right, int):
        return left * right if 0 <= right * len(left) <= 65536 else None
    if operator == "/" and isinstance(right, str) and (left is None or isinstance(left, str)):
        return f"{left or UNKNOWN}/{right}"
    return None


def _percent(template: str, value: Any) -> str:
    """Return `template % value` as far as it is known."""
    items = list(value) if isinstance(value, tuple) else [value]
    parts = template.split("%s")
    texts = [item if isinstance(item, str) else str(item) if isinstance(item, int) else UNKNOWN for item in items]
    texts += [UNKNOWN] * len(parts)
    return "".join(part + text for part, text in zip(parts, [*texts[: len(parts) - 1], ""], strict=True))


@dataclass(slots=True)
class Call:
    """A call. name: dotted, `?.name` for a method of something unknown; inside: the function that holds it."""

    name: str
    at: int
    inside: str
    arguments: list[Value]
    keywords: dict[str, Value]
    labels: frozenset[str]
    disguised: bool


@dataclass(slots=True)
class Trace:
    """What was found. edges: function to the local functions it names; programs: constants that are run as code."""

    calls: list[Call] = field(default_factory=list)
    imports: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    edges: dict[str, set[str]] = field(default_factory=dict)
    classes: list[tuple[str, int, tuple[str, ...]]] = field(default_factory=list)


class Folder:
    """Computes what decoders and text functions make of constants; `budget` bounds it."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def call(self, name: str, values: list[Any]) -> Any:
        """Return what a known pure function gives for constants, None if that is not known."""
        function = _PURE.get(name)
        if name == "pathlib.Path.home":
            return "~"
        if function is None or not values or len(values) > 8 or values[0] is None:
            return None
        size = len(values[0]) if isinstance(values[0], str | bytes | tuple) else 1
        if size > MAX_CONSTANT:
            return None
        self._budget.spend("operations", 20 + size // 4)
        try:
            if name in _INFLATING:
                return self._inflate(values[0], _INFLATING[name])
            return function(*values)
        except (ValueError, TypeError, LookupError, AttributeError, zlib.error, OverflowError):
            return None

    def _inflate(self, data: bytes, window: int) -> bytes:
        bound = min(MAX_CONSTANT, self._budget.left("inflated"))
        found = zlib.decompressobj(window).decompress(data, max(bound, 1))
        self._budget.spend("inflated", len(found))
        return found


_INFLATING = {"zlib.decompress": 47, "gzip.decompress": 47}


def _bytes_of(value: Any, *_: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | tuple) else value.encode("latin-1")


def _join(separator: Any, items: Any) -> Any:
    known = [item if isinstance(item, type(separator)) else separator[:0] for item in items]
    return separator.join(known)


def _codec(value: Any, name: Any = "utf-8", *_: Any) -> Any:
    plain = str(name).lower().replace("_", "-")
    if plain in {"rot13", "rot-13"}:
        return codecs.decode(value, "rot13")
    if plain in {"hex", "hex-codec"}:
        return binascii.unhexlify(value)
    if plain in {"base64", "base64-codec"}:
        return base64.b64decode(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


_FIELD = re.compile(r"\{[^{}]*\}")


def _template(value: str, *_: Any) -> str:
    """Return a `str.format` template with its fields unknown."""
    return _FIELD.sub(UNKNOWN, value)


_PURE: dict[str, Callable[..., Any]] = {
    "base64.b64decode": lambda data, *_: base64.b64decode(data),
    "base64.standard_b64decode": lambda data, *_: base64.b64decode(data),
    "base64.decodebytes": lambda data, *_: base64.b64decode(data),
    "base64.urlsafe_b64decode": lambda data, *_: base64.urlsafe_b64decode(data),
    "base64.b32decode": lambda data, *_: base64.b32decode(data),
    "base64.b16decode": lambda data, *_: base64.b16decode(data, casefold=True),
    "base64.b85decode": lambda data, *_: base64.b85decode(data),
    "base64.a85decode": lambda data, *_: base64.a85decode(data),
    "binascii.a2b_base64": lambda data, *_: base64.b64decode(data),
    "binascii.unhexlify": lambda data, *_: binascii.unhexlify(data),
    "binascii.a2b_hex": lambda data, *_: binascii.unhexlify(data),
    "bytes.fromhex": lambda data, *_: bytes.fromhex(data),
    "bytearray.fromhex": lambda data, *_: bytes.fromhex(data),
    "zlib.decompress": len,
    "gzip.decompress": len,
    "codecs.decode": _codec,
    "bytes": _bytes_of,
    "bytearray": _bytes_of,
    "chr": lambda number, *_: chr(number) if 0 <= number < 0xD800 else UNKNOWN,
    "ord": lambda text, *_: ord(text) if len(text) == 1 else None,
    "int": lambda text, base=10, *_: int(text, base) if isinstance(text, str) and len(text) < 40 else text,
    "str": lambda value, *_: value if isinstance(value, str) else _codec(value) if isinstance(value, bytes) else str(value),
    "?.decode": _codec,
    "?.encode": lambda text, *_: text.encode("utf-8", "replace") if isinstance(text, str) else None,
    "?.strip": lambda text, *_: text.strip(),
    "?.lower": lambda text, *_: text.lower(),
    "?.join": _join,
    "?.replace": lambda text, old, new: text.replace(old, new) if old and len(new) <= len(old) else None,
    "?.format": _template,
    "?.split": lambda text, *_: tuple(text.split()[:64]) if isinstance(text, str) else None,
    "reversed": lambda value, *_: value[::-1],
    "list": lambda value, *_: value if isinstance(value, tuple) else None,
    "tuple": lambda value, *_: value if isinstance(value, tuple) else None,
    "map.chr": lambda numbers, *_: tuple(chr(number) for number in numbers[:4096] if 0 <= number < 0xD800),
    "os.path.join": lambda *parts: "/".join(part if isinstance(part, str) else UNKNOWN for part in parts),
    "os.path.expanduser": lambda path, *_: path,
    "os.path.expandvars": lambda path, *_: path,
    "pathlib.Path": lambda *parts: "/".join(part if isinstance(part, str) else UNKNOWN for part in parts),
    "?.expanduser": lambda path, *_: path,
    "?.joinpath": lambda *parts: "/".join(part if isinstance(part, str) else UNKNOWN for part in parts),
    "os.fspath": lambda path, *_: path,
    "shlex.split": lambda text, *_: tuple(text.split()[:64]),
}  # fmt: skip
