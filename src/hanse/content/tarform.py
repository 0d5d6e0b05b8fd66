"""Headers of tar archives: written in one form, and read only if an archive is nothing but plain files.

Written is POSIX ustar, with a pax header where a path is longer than ustar has room for; owner, group and time are zero, so the
same files make the same archive. Read is that, and what GNU tar and bsdtar make of the same files again (folders, times, owners,
`./` before names): links, devices, sparse files, long names of other kinds and global headers are refused, whatever they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hanse.errors import BadFormat, TooLarge

BLOCK = 512
RECORD = 20 * BLOCK
"""An archive is padded to whole records."""
MAX_PAX_BYTES = 16 * 1024
MAX_MEMBER_BYTES = 8**11 - 1
"""Bytes that the size field of a ustar header can say: 8 GiB."""
_NAME, _PREFIX = 100, 155
_PAX_NAME = "pax"


class TarKind(Enum):
    """What a header is about: a plain file, a folder, or what it says of the next header."""

    FILE = "0"
    FOLDER = "5"
    PAX = "x"


@dataclass(frozen=True, slots=True)
class TarHeader:
    """A header as read. path: as it stands there; size: bytes that follow."""

    kind: TarKind
    path: str
    size: int


def padding(size: int) -> int:
    """Return how many zero bytes follow `size` bytes of content."""
    return -size % BLOCK


def header_bytes(path: str, size: int, mode: int = 0o644) -> bytes:
    """Return the header, or both headers, of a file; path: ASCII. Raises BadFormat or TooLarge for what has none."""
    if not path or not path.isascii() or not path.isprintable():
        raise BadFormat(f"{path[:120]!r} cannot be the name of a file in an archive")
    if not 0 <= size <= MAX_MEMBER_BYTES:
        raise TooLarge(f"a file in an archive has at most {MAX_MEMBER_BYTES:,} bytes, got {size:,}")
    fitting = _split(path)
    if fitting is not None:
        return _ustar(*fitting, size=size, mode=mode, kind=TarKind.FILE)
    record = _pax_record("path", path)
    first = _ustar(_PAX_NAME, "", size=len(record), mode=mode, kind=TarKind.PAX)
    return first + record + bytes(padding(len(record))) + _ustar(path[:_NAME], "", size=size, mode=mode, kind=TarKind.FILE)


def end_bytes(written: int) -> bytes:
    """Return what ends an archive of `written` bytes: two zero blocks, and padding to a whole record."""
    return bytes(2 * BLOCK + -(written + 2 * BLOCK) % RECORD)


def _split(path: str) -> tuple[str, str] | None:
    """Return name and prefix of a path as ustar has them; None if it is too long."""
    if len(path) <= _NAME:
        return path, ""
    at = path.find("/", len(path) - _NAME - 1)
    if at < 1 or at > _PREFIX or at == len(path) - 1:
        return None
    return path[at + 1 :], path[:at]


def _ustar(name: str, prefix: str, *, size: int, mode: int, kind: TarKind) -> bytes:
    fields = (
        (name, _NAME),
        (f"{mode:07o}\0", 8),
        ("0000000\0", 8),
        ("0000000\0", 8),
        (f"{size:011o}\0", 12),
        ("00000000000\0", 12),
        (" " * 8, 8),
        (kind.value, 1),
        ("", 100),
        ("ustar\000", 8),
        ("", 80),
        (prefix, _PREFIX),
    )
    block = b"".join(text.encode("ascii").ljust(width, b"\0") for text, width in fields).ljust(BLOCK, b"\0")
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


def _pax_record(key: str, value: str) -> bytes:
    text = f" {key}={value}\n"
    length = len(text)
    while len(f"{length}{text}") != length:
        length = len(f"{length}{text}")
    return f"{length}{text}".encode("ascii")


def parse_header(block: bytes) -> TarHeader | None:
    """Return the header in a block of 512 bytes, None for a block of zeros; raises BadFormat for anything but the three kinds."""
    if block.count(0) == BLOCK == len(block):
        return None
    if len(block) != BLOCK or block[257:262] != b"ustar" or _octal(block[148:156]) != sum(block[:148]) + 256 + sum(block[156:]):
        raise BadFormat("the archive is cut, damaged, or no tar archive")
    kinds = {b"0": TarKind.FILE, b"\0": TarKind.FILE, b"5": TarKind.FOLDER, b"x": TarKind.PAX}
    kind = kinds.get(block[156:157])
    name, prefix = _text(block[:_NAME]), _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    path = f"{prefix}/{name}" if prefix else name
    if kind is None:
        raise BadFormat(
            f"{path[:120]!r} in the archive is no plain file (type {block[156:157]!r})", hint="do not use the archive"
        )
    size = 0 if kind is TarKind.FOLDER else _octal(block[124:136])
    return TarHeader(kind, path, size)


def pax_path(data: bytes) -> str | None:
    """Return the path that a pax header gives the next file, None if it only has times and the like.

    Raises BadFormat for a record that is no record, or that changes what the next file is (its size, a link, sparse parts).
    """
    found, at = None, 0
    while at < len(data):
        space = data.find(b" ", at, at + 6)
        digits = data[at:space] if space > at else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end <= space + 1 or end > len(data) or data[end - 1 : end] != b"\n" or not equals:
            raise BadFormat("a pax header of the archive is damaged")
        if key == b"path":
            found = _text(value, whole=True)
        elif key in (b"size", b"linkpath") or key.startswith(b"GNU.sparse"):
            raise BadFormat(f"a pax header of the archive sets {key[:40]!r}", hint="do not use the archive")
        at = end
    return found


def _text(field: bytes, *, whole: bool = False) -> str:
    raw = field if whole else field.split(b"\0", 1)[0]
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadFormat(f"a name in the archive has other bytes than ASCII: {raw[:60]!r}") from error


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not digits or not all(0x30 <= one <= 0x37 for one in digits):
        raise BadFormat("a number in a header of the archive is no octal number")
    return int(digits, 8)
