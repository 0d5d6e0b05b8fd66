"""Python's tokens, cut into logical lines.

The rules are those of Python 3.14, whichever Python runs this; what they refuse is counted as a problem and reading goes on,
since a reader that gives up early sees less than a loader of another version. Works on bytes: no Unicode table is consulted
but for letters that Python turns into ASCII ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hanse.scan.budget import OverBudget

MAX_NESTING = 60
"""Brackets within brackets, and replacement fields within those; real programs stay below 30, Python refuses 200."""
MAX_WORK = 2_500_000
"""Operations for one text, 100,000 tokens; the longest real programs, tables made by programs, have up to twice as many."""
OPERATIONS = 24
"""What one token costs to read, parse and follow, in operations of the budget."""

_TOKEN = re.compile(
    rb"(?P<space>[ \t\f]+|\\\n)|(?P<newline>\n)|(?P<comment>\#[^\n]*)"
    rb"|(?P<string>(?:[rR][bBfFtT]?|[bBfFtT][rR]?|[uU])?(?:\"\"\"|'''|\"|'))"
    rb"|(?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
    rb"|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?[jJlL]?)"
    rb"|(?P<name>[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)"
    rb"|(?P<op>\*\*=|//=|>>=|<<=|\.\.\.|->|:=|==|!=|<=|>=|<>|\*\*|//|>>|<<|[-+*/%@&|^]=|[-+*/%@&|^~<>()\[\]{},:.;=])"
)
_STRING_STOPS = {b'"': re.compile(rb'["\\\n]'), b"'": re.compile(rb"['\\\n]")}
_LONG_STOPS = {b'"': re.compile(rb'"""|\\'), b"'": re.compile(rb"'''|\\")}
_FIELD_STOPS = {b'"': re.compile(rb'["\\\n{}]'), b"'": re.compile(rb"['\\\n{}]")}
_LONG_FIELD_STOPS = {b'"': re.compile(rb'"""|\\|[{}]'), b"'": re.compile(rb"'''|\\|[{}]")}
_ESCAPE = re.compile(
    r"\\(?:(\n)|([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|N\{([^}\n]{1,80})\}|(.))", re.DOTALL
)
_SIMPLE = {"\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_FOLDED = ((0xAA, 0xBA), (0x1D2C, 0x1DBF), (0x2070, 0x209C), (0x2100, 0x2188), (0x2C7C, 0x2C7D), (0xFB00, 0xFB06))
_FOLDED_WIDE = (*_FOLDED, (0xFF21, 0xFF5A), (0x1D400, 0x1D7FF))
"""Letters that Python's NFKC folding turns into others; all older than Unicode 14, so that every version folds them alike."""


class Token(NamedTuple):
    """kind: name, number, string, field (a string with replacement fields) or op; value: what a literal holds."""

    kind: str
    text: str
    at: int
    value: Any = None


class Line(NamedTuple):
    """A logical line: its indentation in columns and its tokens, comments left out."""

    indent: int
    tokens: list[Token]


class Lexer:
    """Reads one text once. problems: how often Python would have refused it; folded: names written in look-alike letters."""

    def __init__(self, data: bytes, spend: Callable[[str, int], None]) -> None:
        # Python ends lines at a lone carriage return, too; offsets stay as they are.
        self._data = data.replace(b"\r\n", b" \n").replace(b"\r", b"\n")
        self._charge = spend
        self._work = 0
        self.problems = 0
        self.folded: dict[str, int] = {}

    def _spend(self, resource: str, count: int) -> None:
        self._work += count
        if self._work > MAX_WORK:
            raise OverBudget("text")
        self._charge(resource, count)

    def lines(self) -> Iterator[Line]:
        """Yield the logical lines; raises OverBudget."""
        position = 3 if self._data.startswith(b"\xef\xbb\xbf") else 0
        tokens: list[Token] = []
        start, depth = position, 0
        while position < len(self._data):
            token, position = self._next(position)
            if token is None:
                continue
            if token.kind == "newline":
                if tokens and not depth:
                    yield Line(self._indent(start), tokens)
                    tokens = []
                start = position if not depth else start
                continue
            depth = self._nest(depth, token)
            tokens.append(token)
        self.problems += bool(depth)
        if tokens:
            yield Line(self._indent(start), tokens)

    def _nest(self, depth: int, token: Token) -> int:
        if token.kind != "op":
            return depth
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth > MAX_NESTING:
            raise OverBudget("depth")
        self.problems += depth < 0
        return max(depth, 0)

    def _indent(self, start: int) -> int:
        column = 0
        while start < len(self._data) and self._data[start] in b" \t\f":
            char = self._data[start]
            column = column + 1 if char == 0x20 else 0 if char == 0x0C else column // 8 * 8 + 8
            start += 1
        return column

    def _next(self, at: int, level: int = 0) -> tuple[Token | None, int]:
        """Return the token at `at`, None for space and comments, and where the next begins."""
        found = _TOKEN.match(self._data, at)
        if found is None:
            self._spend("operations", OPERATIONS)
            self.problems += 1
            return Token("op", "?", at), at + 1
        kind, end = str(found.lastgroup), found.end()
        if kind in {"space", "comment"}:
            self._spend("operations", 2)
            return None, end
        self._spend("operations", OPERATIONS)
        if kind == "string":
            return self._string(found.group().decode(), at, end, level)
        text = found.group().decode("utf-8", "replace")
        if kind == "name" and not text.isascii():
            text = self._name(text, at)
        return Token(kind, text, at), end

    def _name(self, text: str, at: int) -> str:
        """Fold letters as Python does when it compares names."""
        folded = "".join(
            unicodedata.normalize("NFKC", char) if any(low <= ord(char) <= high for low, high in _FOLDED_WIDE) else char
            for char in text[:200]
        )
        if folded != text and folded.isascii():
            self.folded.setdefault(folded, at)
        return folded

    def _string(self, opening: str, at: int, position: int, level: int) -> tuple[Token, int]:
        quotes = opening.lstrip("rRbBfFtTuU")
        prefix = opening[: len(opening) - len(quotes)].lower()
        quote = quotes[:1].encode()
        if "f" in prefix or "t" in prefix:
            stops = (_LONG_FIELD_STOPS if len(quotes) == 3 else _FIELD_STOPS)[quote]
            parts, end = self._fields(position, stops, quotes.encode(), level + 1, raw="r" in prefix)
            return Token("field", "", at, parts), end
        body, end = self._body(position, (_LONG_STOPS if len(quotes) == 3 else _STRING_STOPS)[quote])
        return Token("string", prefix, at, _literal(body, prefix)), end

    def _body(self, start: int, stops: re.Pattern[bytes]) -> tuple[bytes, int]:
        position = start
        while found := stops.search(self._data, position):
            self._spend("operations", 8)
            if found.group() == b"\\":
                position = found.end() + 1
                continue
            self.problems += found.group() == b"\n"
            return self._data[start : found.start()], found.end() - (found.group() == b"\n")
        self.problems += 1
        return self._data[start:], len(self._data)

    def _fields(
        self, start: int, stops: re.Pattern[bytes], quotes: bytes, level: int, *, raw: bool, spec: bool = False
    ) -> tuple[list[str | list[Token]], int]:
        """Return the parts of a string with replacement fields, texts and token lists, and where it ends.

        spec: it is a format specification, which ends before the `}` of its field.
        """
        if level > MAX_NESTING // 4:
            raise OverBudget("depth")
        prefix, parts, position = "r" if raw else "", list[str | list[Token]](), start
        while found := stops.search(self._data, position):
            self._spend("operations", 8)
            stop, end = found.group(), found.end()
            doubled = not spec and stop in {b"{", b"}"} and self._data[end : end + 1] == stop
            if stop == b"\\" or doubled:
                position = self._past(end, stop, raw=raw)
                continue
            parts.append(_text(self._data[start : found.start()], prefix))
            if stop == b"{":
                tokens, position = self._field(end, stops, quotes, level, parts)
                parts.append(tokens)
                start = position
            elif stop == b"}" and not spec:
                self.problems += 1
                start = position = end
            elif stop == quotes and not spec:
                return parts, end
            else:
                self.problems += stop == b"\n" and not spec
                return parts, found.start()
        self.problems += 1
        return parts, len(self._data)

    def _past(self, end: int, stop: bytes, *, raw: bool) -> int:
        """Return the place behind an escape; a brace after a backslash begins a field, but for characters by name."""
        if stop == b"\\" and not raw and self._data[end : end + 2] == b"N{":
            return self._data.find(b"}", end, end + 90) + 1 or end + 1
        return end if stop == b"\\" and self._data[end : end + 1] in {b"{", b"}"} else end + 1

    def _field(
        self, position: int, stops: re.Pattern[bytes], quotes: bytes, level: int, parts: list[str | list[Token]]
    ) -> tuple[list[Token], int]:
        """Return the tokens of one replacement field and the place behind its `}`; parts of its specification go to `parts`."""
        tokens: list[Token] = []
        depth = 0
        while position < len(self._data):
            token, position = self._next(position, level)
            if token is None or token.kind == "newline":
                continue
            if not depth and token.text == "}":
                return tokens, position
            if not depth and token.kind == "op" and token.text in {":", ":="}:
                more, position = self._fields(token.at + 1, stops, quotes, level + 1, raw=False, spec=True)
                parts += [part for part in more if isinstance(part, list)]
                if self._data[position : position + 1] != b"}":
                    break
                continue
            depth = self._nest(depth, token)
            # `!r`: the mark is no operator, so `_next` has counted it as a problem.
            self.problems -= token.text == "?" and self._data[token.at : token.at + 1] == b"!"
            if token.text != "?":
                tokens.append(token)
        self.problems += 1
        return tokens, position


def _literal(body: bytes, prefix: str) -> str | bytes:
    if "b" not in prefix:
        return _text(body, prefix)
    text = body.decode("latin-1")
    text = text if "r" in prefix else _ESCAPE.sub(_byte_escape, text)
    return text.encode("latin-1", "replace")


def _text(body: bytes, prefix: str) -> str:
    text = body.decode("utf-8", "replace")
    return text if "r" in prefix or "\\" not in text else _ESCAPE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    newline, octal, short, four, eight, name, other = found.groups()
    if newline:
        return ""
    if octal:
        return chr(int(octal, 8))
    if name:
        return _named(name)
    if digits := short or four or eight:
        number = int(digits, 16)
        return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"
    return _SIMPLE.get(other, f"\\{other}")


def _byte_escape(found: re.Match[str]) -> str:
    newline, octal, short, _four, _eight, _name, other = found.groups()
    if newline:
        return ""
    if octal or short:
        return chr(int(octal, 8) & 0xFF if octal else int(short, 16))
    return _SIMPLE.get(other, found.group()) if other else found.group()


def _named(name: str) -> str:
    """Return a character by name; only Latin ones, whose names every version knows."""
    try:
        char = unicodedata.lookup(name)
    except KeyError:
        return "\ufffd"
    return char if len(char) == 1 and ord(char) < 0x250 else "\ufffd"
