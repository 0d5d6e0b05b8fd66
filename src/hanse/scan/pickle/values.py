"""Values of the pickle machine: constants stay in the file and are decoded when somebody asks for them.

A value is one integer. From 0 on it is the position of the opcode that made a constant, a container or a tuple; below 0 it is
the complement of an index into the machine's `things` (imports, results of calls, persistent objects). So the stack and the memo
are flat arrays of eight bytes a value, whatever is in the file.
"""

from __future__ import annotations

import re
import struct
from itertools import islice
from typing import Any, NamedTuple

from hanse.scan.pickle import opcodes as op
from hanse.scan.source import Source

MAX_NAME = 1_000
"""Longest name or line that is decoded, in characters; more is cut."""
MAX_CACHED = 100_000
WINDOW = 1 << 20
"""Bytes that are read at once."""
MARGIN = 512
"""More than the longest opcode that the machine's loop itself reads; it stops so long before the end of a window."""
HISTORY = 1 << 16
"""Bytes before the position that stay in memory, because constants are often used soon after."""
_END = b"\xff" * (2 * MARGIN)
"""Follows the last byte: no opcode, so that the loop needs no test for the end."""
KINDS = {
    **dict.fromkeys((op.INT, op.BININT, op.BININT1, op.BININT2, op.LONG, op.LONG1, op.LONG4), "int"),
    **dict.fromkeys((op.NEWTRUE, op.NEWFALSE), "bool"),
    **dict.fromkeys((op.FLOAT, op.BINFLOAT), "float"),
    **dict.fromkeys((op.STRING, op.BINSTRING, op.SHORT_BINSTRING, op.UNICODE, op.BINUNICODE), "str"),
    **dict.fromkeys((op.SHORT_BINUNICODE, op.BINUNICODE8), "str"),
    **dict.fromkeys((op.BINBYTES, op.SHORT_BINBYTES, op.BINBYTES8), "bytes"),
    **dict.fromkeys((op.EMPTY_LIST, op.LIST), "list"),
    **dict.fromkeys((op.EMPTY_DICT, op.DICT), "dict"),
    **dict.fromkeys((op.TUPLE, op.TUPLE1, op.TUPLE2, op.TUPLE3, op.EMPTY_TUPLE), "tuple"),
    op.NONE: "none", op.BYTEARRAY8: "bytearray", op.NEXT_BUFFER: "buffer", op.EMPTY_SET: "set", op.FROZENSET: "frozenset",
}  # fmt: skip
"""What an opcode pushes."""

LIKE = {
    "name": re.compile(r"(?!_)[A-Za-z][A-Za-z0-9_]*(\.(?!_)[A-Za-z][A-Za-z0-9_]*)*", re.ASCII),
    "word": re.compile(r"[\w.+: -]{0,64}", re.ASCII),
    "path": re.compile(r"(?!/)(?!.*\.\.)[\w./+-]{1,100}", re.ASCII),
}
"""What texts can be like, said where the text itself is not kept: see `Heap.rough`."""


class Thing(NamedTuple):
    """A value that is not plain data.

    kind: import, call, persistent, extension or unknown; name: `module name` of the import, or of what was called; given: the
    import that the call got as its first argument; detail: text that readers need (a dtype, an extension code); elements: of a
    storage that a persistent id names.
    """

    kind: str
    name: str = ""
    given: str = ""
    detail: str = ""
    elements: int = -1

    def shape(self) -> dict[str, Any]:
        """Return the JSON form."""
        if self.kind == "import":
            return {"g": self.name}
        if self.kind in {"call", "instance"}:
            return {"c": self.name, **({"of": self.given} if self.given else {})}
        if self.kind == "persistent":
            return {"p": 1}
        return {"x": self.detail} if self.kind == "extension" else {"u": 1}


UNKNOWN = Thing("unknown")


class Constants:
    """Decodes constants of a source by position; `data` and `base` are the part of it that is in memory."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.data = b""
        self.base = 0
        self._texts: dict[int, str | None] = {}
        self._codes: dict[int, int] = {}
        self._likes: dict[int, int] = {}

    def load(self, at: int) -> None:
        """Have the bytes from `at` on in memory, at least MARGIN of them or up to the end."""
        if 0 <= at - self.base < len(self.data) - MARGIN:
            return
        self.base = max(0, at - HISTORY)
        wanted = WINDOW + at - self.base
        self.data = self.source.read_at(self.base, wanted)
        # A source may end before its size: compressed members declare more than they hold.
        if len(self.data) < wanted or self.base + len(self.data) >= self.source.size:
            self.data = self.data.ljust(at - self.base, b"\xff") + _END

    def replace(self, source: Source) -> None:
        """Read from another source, which is the same up to the current position."""
        self.source = source
        self.data = b""

    def read(self, at: int, length: int) -> bytes:
        """Return up to `length` bytes from `at`."""
        start = at - self.base
        if start >= 0 and start + length <= len(self.data):
            return self.data[start : start + length]
        return self.source.read_at(at, length)

    def code(self, at: int) -> int:
        """Return the opcode at `at`."""
        if 0 <= at - self.base < len(self.data):
            return self.data[at - self.base]
        found = self._codes.get(at)
        if found is None:
            _make_room(self._codes)
            found = self._codes[at] = (self.read(at, 1) or b"\0")[0]
        return found

    def kind(self, at: int) -> str:
        """Return what is at `at`: int, str, dict ..."""
        return KINDS.get(self.code(at), "unknown")

    def payload(self, at: int, most: int) -> tuple[bytes, int]:
        """Return up to `most` bytes of the argument of the opcode at `at`, and how long the argument is."""
        code = self.code(at)
        if code in op.LINES:
            line = self.read(at + 1, most).partition(b"\n")[0]
            return line, len(line)
        width = op.PREFIXED.get(code, 0)
        length = int.from_bytes(self.read(at + 1, width), "little")
        return self.read(at + 1 + width, min(length, most)), length

    def start(self, at: int) -> int:
        """Return where the payload of the opcode at `at` begins."""
        return at + 1 + op.PREFIXED.get(self.code(at), 0)

    def text(self, at: int) -> str | None:
        """Return the string at `at`, cut after MAX_NAME characters; None if there is no string."""
        try:
            return self._texts[at]
        except KeyError:
            _make_room(self._texts)
            found = self._short(at)
            if found is None:
                found = self.whole(at) if self.kind(at) == "str" else None
            self._texts[at] = found
            return found

    def _short(self, at: int) -> str | None:
        """Return a short string of the usual kinds that is in memory; None for all others."""
        data, start = self.data, at - self.base
        code = data[start] if 0 <= start < len(data) else 0
        if code == op.SHORT_BINUNICODE:
            head, length = start + 2, data[start + 1]
        elif code == op.BINUNICODE:
            head, length = start + 5, int.from_bytes(data[start + 1 : start + 5], "little")
        else:
            return None
        if length > MAX_NAME or head + length > len(data):
            return None
        return data[head : head + length].decode("utf-8", "backslashreplace")

    def likeness(self, at: int) -> int:
        """Return the opcode at `at`; for a string 256 and a bit for each of LIKE that its whole text matches."""
        code = self.code(at)
        if KINDS.get(code) != "str":
            return code
        found = self._likes.get(at)
        if found is None:
            _make_room(self._likes)
            text = self.text(at) or ""
            found = self._likes[at] = 256 + sum(1 << bit for bit, like in enumerate(LIKE.values()) if like.fullmatch(text))
        return found

    def whole(self, at: int, most: int = MAX_NAME) -> str:
        """Return the string at `at`, cut after about `most` characters."""
        raw, _ = self.payload(at, most)
        code = self.code(at)
        if code == op.STRING:
            return _ESCAPE.sub(_unescaped, raw.decode("latin-1").strip()[1:-1])
        if code == op.UNICODE:
            return _UNICODE.sub(_unescaped, raw.decode("latin-1"))
        return raw.decode("utf-8", "backslashreplace")

    def number(self, at: int) -> int | None:
        """Return the integer at `at`; None if there is none, or a huge one."""
        code = self.code(at)
        if code in _WIDTHS:
            return int.from_bytes(self.read(at + 1, _WIDTHS[code]), "little", signed=code == op.BININT)
        if code in {op.NEWTRUE, op.NEWFALSE}:
            return int(code == op.NEWTRUE)
        if code in {op.LONG1, op.LONG4, op.INT, op.LONG}:
            raw, length = self.payload(at, 260)
            if code in {op.LONG1, op.LONG4}:
                return int.from_bytes(raw, "little", signed=True) if length < 256 else None
            return int(raw.rstrip(b"L\r")) if _DIGITS.fullmatch(raw) else None
        return None

    def shape(self, at: int) -> Any:
        """Return the JSON form of the scalar at `at`: `{"s": text}`, `{"b": length, "head": hex}`, a number, null ..."""
        kind = self.kind(at)
        if kind == "none":
            return None
        if kind == "str":
            return {"s": (self.text(at) or "")[:200]}
        if kind in {"bytes", "bytearray"}:
            head, length = self.payload(at, 8)
            return {"b": length, "head": head.hex()}
        if kind == "float":
            return {"f": self._float(at)}
        if kind == "bool" or (kind == "int" and self.code(at) == op.INT and self.payload(at, 3)[0] in {b"00", b"01"}):
            return bool(self.number(at))
        if kind == "int":
            found = self.number(at)
            return {"s": "huge integer"} if found is None else found
        return {"t": kind}

    def _float(self, at: int) -> str:
        if self.code(at) == op.FLOAT:
            return self.payload(at, 40)[0].decode("latin-1")
        return repr(_DOUBLE.unpack(self.read(at + 1, 8).ljust(8, b"\0"))[0])


def _make_room(cache: dict[int, Any]) -> None:
    """Drop the oldest half of a full cache."""
    if len(cache) >= MAX_CACHED:
        for key in list(islice(cache, MAX_CACHED // 2)):
            del cache[key]


def _unescaped(match: re.Match[str]) -> str:
    """Return what a backslash and what follows it mean."""
    found = {name: text for name, text in match.groupdict().items() if text is not None}
    name, text = found.popitem()
    if name == "control":
        return _CONTROLS.get(text, text)
    code = int(text, 8 if name == "octal" else 16)
    return chr(code) if code <= 0x10FFFF else "?"


_WIDTHS = {op.BININT: 4, op.BININT1: 1, op.BININT2: 2}
_DOUBLE = struct.Struct(">d")
_DIGITS = re.compile(rb"[ \t]*[-+]?[0-9]{1,250}L?\r?")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\n": ""}
_ESCAPE = re.compile(r"\\(?:x(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-7]{1,3})|(?P<control>.))", re.DOTALL)
_UNICODE = re.compile(r"\\(?:u(?P<hex>[0-9a-fA-F]{4})|U(?P<wide>[0-9a-fA-F]{8}))")
