"""Constants that are pickles themselves: bytes and texts that start like a stream, or like a container that holds one."""

from __future__ import annotations

import re

from hanse.scan.pickle.values import Constants

MAX_TEXT_BYTES = 1 << 20
"""Longest text that is read as bytes; bytes have no such bound."""
_NAMES = rb"[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n"
_STREAM = re.compile(
    rb"\x80[\x00-\x05]"  # protocol 2 and later
    rb"|[(\]})lda]*c" + _NAMES + rb"|[(\]})lda]*\([^\n]{0,200}i" + _NAMES  # an import in protocol 0 or 1
)
_CONTAINER = re.compile(rb"PK\x03\x04|\x1f\x8b\x08|BZh[1-9]|\xfd7zXZ\x00|\x93NUMPY|\x78[\x01\x5e\x9c\xda]")


def candidate(constants: Constants, at: int) -> bool:
    """Tell whether the text or bytes at `at`, which something is called with, start like a pickle or what may hold one."""
    head = content(constants, at, 300)
    return starts_stream(head) or is_container(head)


def starts_stream(head: bytes) -> bool:
    """Tell whether bytes start like a stream."""
    return _STREAM.match(head) is not None


def is_container(head: bytes) -> bool:
    """Tell whether bytes start like a format that may hold a stream: archives, compressed data, arrays."""
    return _CONTAINER.match(head) is not None


def content(constants: Constants, at: int, most: int) -> bytes:
    """Return the first `most` bytes of a constant; a text as the bytes that its characters stand for."""
    if constants.kind(at) != "str":
        return constants.payload(at, most)[0]
    text = constants.whole(at, most)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")
