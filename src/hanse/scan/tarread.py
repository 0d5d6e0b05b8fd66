"""The headers of a tar archive, as GNU tar and Python's tarfile read them: ustar, GNU and pax, sparse files, base-256 numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hanse.scan.budget import MIB, Budget
from hanse.scan.source import Source, pieces
from hanse.scan.walk import Malformed

BLOCK = 512
MAX_LONG = MIB
HEADER_COST = 150
REGULAR = {b"0", b"\0", b"7"}
LINKS = {b"1": "hard", b"2": "symbolic"}
DEVICES = {b"3": "character device", b"4": "block device", b"6": "named pipe"}
_ASCII = bytes(range(128))
_LONG = {b"L": "name", b"K": "target"}


@dataclass(frozen=True, slots=True)
class TarMember:
    """One member. at: of its header; start, size: of its bytes in the archive; mode: permission bits; second: behind the end."""

    at: int
    name: str
    kind: bytes
    target: str
    start: int
    size: int
    mode: int
    sparse: bool
    second: bool


def number(field: bytes) -> int | None:
    """Return a number of a header, octal or base-256; None if it is neither."""
    if field[:1] in {b"\x80", b"\xff"}:
        value = int.from_bytes(field[1:], "big")
        return value if field[0] == 0x80 else value - (1 << 8 * (len(field) - 1))
    text = field.split(b"\0", 1)[0].strip(b" \t\n\r\x0b\x0c")
    if not text:
        return 0
    return int(text, 8) if all(0x30 <= byte <= 0x37 for byte in text) else None


def checks(block: bytes) -> bool:
    """Tell whether the checksum of a header holds, counted unsigned or signed."""
    wanted = number(block[148:156])
    rest = block[:148] + block[156:]
    total = sum(rest) + 256
    return wanted == total or (wanted is not None and wanted == total - 256 * len(rest.translate(None, _ASCII)))


def text(field: bytes) -> str:
    """Return a name up to its first NUL."""
    raw = field.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        # Old archives have names in some code page; which letters they are makes no difference here.
        return raw.decode("latin-1")


def pax_records(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield (key, value) of a pax header; raises Malformed."""
    at = 0
    while at < len(data) and data[at]:
        space = data.find(b" ", at, at + 20)
        length = data[at:space] if space > 0 else b""
        if not length.isdigit() or len(length) > 9 or int(length) < space - at + 3 or at + int(length) > len(data):
            raise Malformed("a pax record has a wrong length", at)
        key, equals, value = data[space + 1 : at + int(length) - 1].partition(b"=")
        if not equals or data[at + int(length) - 1 : at + int(length)] != b"\n":
            raise Malformed("a pax record is no pair", at)
        yield key.decode("utf-8", "backslashreplace"), value.decode("utf-8", "backslashreplace")
        at += int(length)


class TarReader:
    """One pass over the headers."""

    def __init__(self, source: Source, budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self._at = 0
        self._global: dict[str, str] = {}
        self._next: dict[str, str] = {}
        self._second = False
        self.ended = False
        self.rest: int | None = None

    def members(self) -> Iterator[TarMember]:
        """Yield the members, also of archives behind the end of the first; raises Malformed or OverBudget."""
        while self._at < self._source.size:
            self._budget.spend("operations", HEADER_COST)
            block = self._source.read_at(self._at, BLOCK)
            if block.count(0) == len(block):
                if not self._behind_end():
                    return
                continue
            if len(block) < BLOCK or not checks(block):
                if self.ended or not self._at:
                    self.rest = self._at
                    return
                raise Malformed("a header is cut or its checksum is wrong", self._at)
            member = self._header(block)
            if member is not None:
                yield member

    def _behind_end(self) -> bool:
        """Skip zeros; tell whether something follows."""
        self.ended = True
        for piece in pieces(self._source, self._at):
            self._budget.spend("operations", len(piece) // 64 + 1)
            if piece.count(0) == len(piece):
                self._at += len(piece)
                continue
            self._at += (len(piece) - len(piece.lstrip(b"\0"))) // BLOCK * BLOCK
            self._second = True
            return True
        return False

    def _header(self, block: bytes) -> TarMember | None:
        """Return the member of a header; None for headers that only say something about others."""
        kind = block[156:157]
        size = number(block[124:136])
        mode = number(block[100:108]) or 0
        at, start = self._at, self._at + BLOCK
        if size is None or size < 0:
            raise Malformed("a size is no number", at)
        if kind in {*_LONG, b"x", b"g", b"X"}:
            self._about(kind, start, size)
            return None
        name, target = self._names(block, kind)
        said = {**self._global, **self._next}
        size = _decimal(said.get("size"), size, at)
        if kind in {*LINKS, *DEVICES, b"5"}:
            size = 0
        sparse = kind == b"S" or any(key.startswith("GNU.sparse.") for key in said)
        start = self._sparse_start(block, start) if kind == b"S" else start
        if start + size > self._source.size:
            raise Malformed("a member reaches beyond the end of the file", at)
        self._at = start + (size + BLOCK - 1) // BLOCK * BLOCK
        self._next = {}
        return TarMember(at, name, kind, target, start, size, mode, sparse, self._second)

    def _names(self, block: bytes, kind: bytes) -> tuple[str, str]:
        name, target = text(block[:100]), text(block[157:257])
        if block[257:263] == b"ustar\0" and block[345:346] != b"\0" and kind != b"S":
            name = f"{text(block[345:500])}/{name}"
        said = {**self._global, **self._next}
        name = said.get("GNU.sparse.name") or said.get("path") or name
        return name, said.get("linkpath") or target

    def _about(self, kind: bytes, start: int, size: int) -> None:
        """Keep what a long name or pax header says about the next member, or about all that follow."""
        if size > MAX_LONG or start + size > self._source.size:
            raise Malformed("a name or pax header is too long", self._at)
        self._budget.spend("operations", size // 8)
        data = self._source.read_at(start, size)
        if kind in _LONG:
            self._next["path" if kind == b"L" else "linkpath"] = text(data)
        else:
            into = self._global if kind == b"g" else self._next
            for key, value in pax_records(data):
                self._budget.spend("operations", 10)
                if key in {"path", "linkpath", "size"} or key.startswith("GNU.sparse."):
                    into[key] = value
        self._at = start + (size + BLOCK - 1) // BLOCK * BLOCK

    def _sparse_start(self, block: bytes, start: int) -> int:
        """Skip the blocks that continue the map of an old GNU sparse file."""
        more = block[482:483] == b"\x01"
        while more:
            self._budget.spend("operations", HEADER_COST)
            more = self._source.read_at(start + 504, 1) == b"\x01"
            start += BLOCK
            if start > self._source.size:
                raise Malformed("the map of a sparse file is cut", start)
        return start


def _decimal(value: str | None, default: int, at: int) -> int:
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise Malformed("a pax size is no number", at)
    return int(value)
