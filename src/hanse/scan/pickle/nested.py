"""Constants that are pickles themselves: bytes and texts that start like a stream, or like a container that holds one."""

from __future__ import annotations

import re

from hanse.scan.pickle.values import Constants

MAX_TEXT_BYTES = 1 << 20
"""Longest text that is read as bytes; bytes have no such bound."""
_HEADS = re.compile(
    rb"(?:\x80[\x00-\x05]"  # a stream of protocol 2 and later
    rb"|[(\]})lda]*c[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n"  # an import, protocol 0
    rb"|[(\]})lda]*[(][^\n]{0,200}i[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n"
    rb"|PK\x03\x04|\x1f\x8b\x08|BZh[1-9]|\xfd7zXZ\x00|\x93NUMPY|\x78[\x01\x5e\x9c\xda])"
)


def candidate(constants: Constants, at: int) -> bool:
    """Tell whether the text or bytes at `at` start like a pickle or a container that may hold one."""
    return _HEADS.match(content(constants, at, 300)) is not None


def starts_stream(head: bytes) -> bool:
    """Tell whether bytes start like a stream, or a container that may hold one."""
    return _HEADS.match(head) is not None


def content(constants: Constants, at: int, most: int) -> bytes:
    """Return the first `most` bytes of a constant; a text as the bytes that its characters stand for."""
    if constants.kind(at) != "str":
        return constants.payload(at, most)[0]
    text = constants.whole(at, most)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")
