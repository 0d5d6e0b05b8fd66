"""Text: whether bytes are text, and what they say in whichever encoding a loader would read them."""

from __future__ import annotations

import codecs
from functools import lru_cache

from hanse.scan.source import Source, pieces

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BINARY = bytes(set(range(32)) - set(b"\t\n\x0b\x0c\r\x1b\x08"))
"""Control characters that no text has."""
BLANK = b" \t\r\n\x0b\x0c"


def encoding_of(head: bytes) -> tuple[str, int]:
    """Return the encoding and the length of the byte order mark, as JSON and XML readers guess them."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    if len(head) >= 4:
        if not head[0]:
            return ("utf-16-be" if head[1] else "utf-32-be"), 0
        if not head[1]:
            return ("utf-16-le" if head[2] or head[3] else "utf-32-le"), 0
    return "utf-8", 0


@lru_cache(maxsize=4)
def looks_like_text(head: bytes) -> bool:
    """Tell whether the first bytes of a file are text: UTF-8, or UTF-16 and UTF-32 that can be told."""
    name, mark = encoding_of(head)
    if not head:
        return False
    if name == "utf-8":
        return len(head.translate(None, _BINARY)) == len(head) and _decodes(head)
    plain = head[mark : mark + 4 * ((len(head) - mark) // 4)].decode(name, "ignore")
    letters = sum(character.isascii() and (character.isprintable() or character in "\t\r\n") for character in plain)
    return letters > 0.8 * len(plain) > 0


def is_plain(head: bytes) -> bool:
    """Tell whether the first bytes of a file are text whose ASCII letters take one byte each."""
    return b"\0" not in head and looks_like_text(head)


def _decodes(head: bytes) -> bool:
    """Tell whether bytes are UTF-8, or a single-byte encoding with few letters beyond ASCII; the last character may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return sum(byte >= 128 for byte in head) * 10 < len(head)
    return True


def decoded(data: bytes) -> str:
    """Return what bytes say, without byte order mark; what cannot be decoded becomes U+FFFD."""
    name, mark = encoding_of(data[:4])
    return data[mark:].decode(name, "replace")


def first_text(head: bytes, source: Source) -> str:
    """Return the first characters of a file that are not blank, at most a head's worth."""
    name, mark = encoding_of(head)
    start = head[mark:].decode(name, "replace").lstrip()
    if start or source.size <= len(head):
        return start
    for piece in pieces(source):
        start = piece.strip(BLANK + b"\0")[:256].decode("utf-8", "replace")
        if start:
            return start
    return ""
