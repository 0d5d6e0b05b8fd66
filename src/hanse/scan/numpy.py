"""NumPy arrays: the header of `.npy`, its size against the file's, and arrays of objects, which are pickles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.pickle.joblib import item_size
from hanse.scan.ruleset import Hit
from hanse.scan.source import SliceSource, Source
from hanse.scan.walk import Malformed, ViewBuilder, Walk, join

MAGIC = b"\x93NUMPY"
MAX_HEADER = 1 << 20
MAX_TOKENS = 20_000
MAX_DEPTH = 20
_HAS_OBJECTS = re.compile(r"[|<>=]?O8?")
_TOKEN = re.compile(r"\s*(?:'((?:[^'\\\n]|\\.)*)'|\"((?:[^\"\\\n]|\\.)*)\"|(-?\d{1,18})L?|(True|False|None)|([{}()\[\],:]))")
_WORDS = {"True": True, "False": False, "None": None}
_CLOSERS = {"{": "}", "(": ")", "[": "]"}


@dataclass(frozen=True)
class _Mark:
    """A bracket, comma or colon of a header."""

    text: str


def literal(text: str) -> Any:
    """Return the Python literal that a header is: dicts, tuples, lists, texts, integers, True, False, None; raises Malformed."""
    stack: list[tuple[str, list[Any]]] = [("", [])]
    at = 0
    for _ in range(MAX_TOKENS):
        match = _TOKEN.match(text, at)
        if match is None:
            break
        at = match.end()
        mark = match[5]
        if mark is None:
            stack[-1][1].append(_scalar(match))
        elif mark in _CLOSERS:
            if len(stack) > MAX_DEPTH:
                raise Malformed("header is nested too deeply")
            stack.append((mark, []))
        elif mark in ",:":
            stack[-1][1].append(_Mark(mark))
        else:
            opener, items = stack.pop()
            if _CLOSERS.get(opener) != mark:
                raise Malformed("header has brackets that do not match")
            stack[-1][1].append(_close(opener, items))
    if text[at:].strip() or len(stack) != 1 or len(stack[0][1]) != 1 or isinstance(stack[0][1][0], _Mark):
        raise Malformed("header is no plain literal")
    return stack[0][1][0]


def _scalar(match: re.Match[str]) -> Any:
    if match[3] is not None:
        return int(match[3])
    if match[4] is not None:
        return _WORDS[match[4]]
    return match[1] if match[1] is not None else match[2]


def _close(opener: str, items: list[Any]) -> Any:
    """Return what a bracket with these items and marks means; raises Malformed."""
    separators = [index for index, item in enumerate(items) if isinstance(item, _Mark)]
    if opener == "{":
        expected = [_Mark(",") if index % 4 == 3 else _Mark(":") for index in range(1, len(items), 2)]
        if items[1::2] != expected or any(isinstance(item, _Mark) for item in items[::2]) or len(items[::2]) % 2:
            raise Malformed("header has a malformed dict")
        keys, values = items[0::4], items[2::4]
        if len(set(map(repr, keys))) != len(keys) or not all(isinstance(key, str) for key in keys):
            raise Malformed("header has a malformed or repeated key")
        return dict(zip(keys, values, strict=True))
    if separators != list(range(1, len(items), 2)) or any(items[index] != _Mark(",") for index in separators):
        raise Malformed("header has a malformed list")
    if opener == "(" and len(items) == 1:
        return items[0]
    return tuple(items[::2]) if opener == "(" else items[::2]


def itemsize(descr: Any, depth: int = 0) -> int:
    """Return the bytes of one item of a dtype description; 0 if it holds objects, -1 if unknown."""
    if isinstance(descr, str):
        return 0 if _HAS_OBJECTS.fullmatch(descr) else item_size(descr)
    if not isinstance(descr, list) or depth > MAX_DEPTH:
        return -1
    total = 0
    for field in descr:
        if not isinstance(field, tuple) or len(field) not in {2, 3}:
            return -1
        size = itemsize(field[1], depth + 1)
        if size <= 0:
            return size
        total += size * count(field[2] if len(field) == 3 else ())
    return total


def count(shape: Any) -> int:
    """Return the number of items of a shape; raises Malformed."""
    total = 1
    for size in (shape,) if isinstance(shape, int) else shape:
        if not isinstance(size, int) or size < 0 or total * size > 1 << 62:
            raise Malformed("shape is no tuple of sizes")
        total *= size
    return total


def claims(head: bytes, _source: Source) -> bool:
    """Tell whether a source begins like a `.npy` file."""
    return head.startswith(MAGIC)


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Write the header into the view and read an array of objects as the pickle that it is."""
    head = source.read_at(0, 12)
    wide = len(head) > 6 and head[6] > 1
    start = 12 if wide else 10
    length = int.from_bytes(head[8:start], "little")
    if len(head) < start or head[6] not in {1, 2, 3} or start + length > source.size or length > MAX_HEADER:
        raise Malformed("header is cut, too long or of an unknown version", 6)
    walk.budget.spend("text", length)
    walk.budget.spend("operations", 4 * length)
    header = literal(source.read_at(start, length).decode("utf-8" if head[6] == 3 else "latin-1", "backslashreplace"))
    if not isinstance(header, dict) or not isinstance(header.get("shape"), tuple):
        raise Malformed("header lacks a dict with descr, fortran_order and shape", start)
    size, items, rest = itemsize(header.get("descr")), count(header["shape"]), source.size - start - length
    view.see(
        "header",
        start,
        version=head[6],
        descr=header.get("descr"),
        shape=header["shape"],
        keys=sorted(header),
        objects=size == 0,
        expected=size * items if size > 0 else None,
        bytes=rest,
    )
    if size > 0 and size * items > rest:
        raise Malformed("array is longer than the file", start + length)
    if size <= 0:
        walk.descend(SliceSource(source, start + length, rest), join(view.member, "objects"))


def judge(_view: View, _context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a view."""
    yield from ()


FORMATS = (Format("npy", True, judge, claims, observe),)
