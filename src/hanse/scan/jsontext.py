"""JSON within bounds: parsed once, and only when its nesting and its number of values are known to be small enough.

Bigger documents (vocabularies, data sets) are searched for the few keys that loaders act on, and only their values are parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from hanse.scan.source import Source
from hanse.scan.textual import decoded
from hanse.scan.walk import Walk

MIB = 1024 * 1024
MAX_WHOLE = 16 * MIB
MAX_DEPTH = 200
MAX_PAIRS = 100_000
MAX_VALUES = 300_000
MAX_CONTAINERS = 100_000
MAX_EXCERPT = MIB
MAX_EXCERPTS = 64
MAX_HIDDEN = 64
KEYS = (
    "_target_",
    "chat_template",
    "auto_map",
    "custom_pipelines",
    "weight_map",
    "__loader__",
    "registered_name",
)
"""Keys that a loader of some model format acts on, wherever in a document they are."""
_KEY = re.compile(rb'"(' + b"|".join(key.encode() for key in KEYS) + rb')"[ \t\r\n]*+:')
_ESCAPED_LETTER = re.compile(rb"\\u00(?:5[fF]|6[1-9a-fA-F]|7[0-9aA])")
_SHORT = re.compile(rb'[ \t\r\n]*+("[^"\\]{0,200}"|(?:null|true|false)\b)')
_STRING = re.compile(rb'"[^"]*+(?:"|\Z)')
_LONG_NUMBER = re.compile(r"[0-9]{300}")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class NotJson(Exception):
    """Text that no JSON reader accepts; the message says why."""


class TooLarge(Exception):
    """A document that is not parsed as a whole; the message says which bound it passes."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed document.

    value: as Python's json gives it (the last of duplicate keys counts); hidden: {key: value} for each earlier duplicate;
    lines: number of documents, more than one for JSON Lines (then `value` is the first).
    """

    value: object
    hidden: tuple[dict[str, object], ...]
    lines: int = 1


def parse(data: bytes, walk: Walk, *, scale: int = 1) -> Parsed:
    """Return what JSON text says; raises NotJson, TooLarge or OverBudget, on every interpreter alike.

    scale: how many times more values than in a configuration are allowed.
    """
    if len(data) > MAX_WHOLE:
        raise TooLarge("size")
    walk.budget.spend("text", len(data))
    text = decoded(data)
    _check_shape(data if data.isascii() else text.encode("utf-8", "replace"), walk, scale)
    hidden: list[dict[str, object]] = []
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: _merge(pairs, hidden), parse_int=_integers(text), strict=False)
    start = len(text) - len(text.lstrip())
    try:
        value, end = decoder.raw_decode(text, start)
    except ValueError as error:
        raise NotJson(str(error)[:100]) from None
    if not text[end:].strip(" \t\r\n\0"):
        return Parsed(value, tuple(hidden))
    return Parsed(value, tuple(hidden), _lines(text, end, decoder))


def _check_shape(data: bytes, walk: Walk, scale: int) -> None:
    """Count values and measure nesting without building anything; raises TooLarge or OverBudget."""
    walk.budget.spend("operations", len(data) // 32 + 1)
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    if data.count(b'"') > 2 * MAX_VALUES * scale:
        raise TooLarge("values")
    bare = _STRING.sub(b"", data)
    brackets = bare.translate(None, _NOT_BRACKETS)
    pairs, commas = bare.count(b":"), bare.count(b",")
    if pairs > MAX_PAIRS * scale or pairs + commas > MAX_VALUES * scale or len(brackets) > 2 * MAX_CONTAINERS * scale:
        raise TooLarge("values")
    walk.budget.spend("operations", pairs + commas + len(brackets))
    if nesting(brackets) > MAX_DEPTH:
        raise TooLarge("depth")


def nesting(brackets: bytes) -> int:
    """Return how deep brackets are nested; brackets: nothing but `[`, `]`, `{` and `}`."""
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _merge(pairs: list[tuple[str, object]], hidden: list[dict[str, object]]) -> dict[str, object]:
    merged = dict(pairs)
    if len(merged) != len(pairs) and len(hidden) < MAX_HIDDEN:
        seen: set[str] = set()
        for key, value in reversed(pairs):
            if key in seen and len(hidden) < MAX_HIDDEN:
                hidden.append({key: value})
            seen.add(key)
    return merged


def _integers(text: str) -> Callable[[str], object] | None:
    """Return what parses integers: Python's own unless one is longer than it takes."""
    return _integer if _LONG_NUMBER.search(text) else None


def _integer(digits: str) -> object:
    """Return an integer, or its digits cut if it is too long to be one."""
    return int(digits) if len(digits) <= 300 else digits[:300]


def _lines(text: str, end: int, decoder: json.JSONDecoder) -> int:
    """Return 2 if a second document follows the first (JSON Lines); raises NotJson if something else does."""
    following = text[end : end + MIB].lstrip()
    second = following.split("\n", 1)[0].strip()
    if second[:1] not in {"{", "["}:
        raise NotJson("something follows the document")
    try:
        decoder.decode(second)
    except ValueError:
        raise NotJson("something follows the document") from None
    return 2


def excerpts(source: Source, walk: Walk) -> Iterator[dict[str, object]]:
    """Yield {key: value} for each of KEYS in text that is not parsed as a whole; a value that cannot be parsed is None.

    A key written with escapes of letters gives {"": None}: it may be any of them. Values that were seen before and `null` are
    left out; a value past the bound of different ones is None.
    """
    step, overlap = MIB, 64
    seen: set[bytes] = set()
    for start in range(0, source.size, step):
        piece = source.read_at(start, step + overlap)
        walk.budget.spend("operations", len(piece) // 64 + 1)
        if _ESCAPED_LETTER.search(piece) and b"\\u" in piece:
            yield from _escaped(piece)
        for match in _KEY.finditer(piece):
            if match.start() >= step:
                continue
            key, at = match[1].decode(), start + match.end()
            walk.budget.spend("operations", 8)
            short = _SHORT.match(source.read_at(at, 256))
            told = match[1] + (short[1] if short else at.to_bytes(8, "big"))
            if told in seen or (short and short[1] == b"null"):
                continue
            seen.add(told)
            yield {key: _value_at(source, at, walk) if len(seen) <= MAX_EXCERPTS else None}
            if len(seen) > MAX_EXCERPTS:
                return


_ESCAPED_KEY = re.compile(rb'"((?:[a-z_]|\\u00[567][0-9a-fA-F]){4,120})"[ \t\r\n]*+:')


def _escaped(piece: bytes) -> Iterator[dict[str, object]]:
    """Yield {"": None} if a key in KEYS is written with escapes."""
    for match in _ESCAPED_KEY.finditer(piece):
        if b"\\" in match[1] and json.loads(b'"' + match[1] + b'"') in KEYS:
            yield {"": None}
            return


def _value_at(source: Source, start: int, walk: Walk) -> object:
    """Return the value that begins at an offset, None if it cannot be parsed."""
    data = source.read_at(start, MAX_EXCERPT)
    walk.budget.spend("operations", len(data) // 32 + 1)
    data = _extent(data.lstrip(b" \t\r\n"))
    try:
        return parse(data, walk).value
    except (NotJson, TooLarge):
        return None


def _extent(data: bytes) -> bytes:
    """Return the first value in the bytes: a string or a bracketed value, else what precedes the next comma or bracket."""
    if data[:1] == b'"':
        match = re.match(rb'"(?:[^"\\]++|\\.)*+"', data, re.DOTALL)
        return match[0] if match else b""
    if data[:1] not in {b"{", b"["}:
        return re.split(rb"[,}\]\r\n]", data[:400], maxsplit=1)[0]
    depth = 0
    for match in re.finditer(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', data, re.DOTALL):
        depth += _STEPS.get(match[0][0], 0)
        if depth == 0:
            return data[: match.end()]
    return b""
