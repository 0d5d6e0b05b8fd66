"""What C2SP text formats share: base64 with one form for each value, decimal numbers, lists of hashes.

Standard base64 with padding (RFC 4648 section 4). Padding bits that are not zero are refused, so that no accepted text can be
changed without changing what it says.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from hanse.errors import BadFormat, TooLarge
from hanse.tlog.hashing import HASH_BYTES, MAX_LOG_SIZE

MAX_PATH = 63
"""Hashes in a proof, as C2SP tlog-witness bounds them; a log of 2^53 leaves needs 53."""
_SHOWN = 60


def utf8(text: str) -> bytes:
    """Return `text` in UTF-8; raises BadFormat if it has lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadFormat("a text must be valid Unicode") from error


def base64_text(data: bytes) -> str:
    """Return `data` in standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def parse_base64(text: str, what: str) -> bytes:
    """Return the bytes that `text` writes in its one form; raises BadFormat, naming `what` it should have been."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadFormat(f"{what} must be standard base64, got {text[:_SHOWN]!r}") from error
    if base64_text(data) != text:
        raise BadFormat(f"{what} must be base64 with zero padding bits, got {text[:_SHOWN]!r}")
    return data


def parse_hash(text: str, what: str) -> bytes:
    """Return the 32-byte hash that `text` writes in base64; raises BadFormat."""
    data = parse_base64(text[: 2 * HASH_BYTES], what)
    if len(data) != HASH_BYTES:
        raise BadFormat(f"{what} must have 32 bytes, got {len(data)}")
    return data


def parse_path(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Return the hashes of a proof, one a line; raises TooLarge beyond 63 of them, BadFormat."""
    if len(lines) > MAX_PATH:
        raise TooLarge(f"a proof has at most {MAX_PATH} hashes, got {len(lines)}")
    return tuple(parse_hash(line, "a hash of a proof") for line in lines)


def parse_decimal(text: str, what: str) -> int:
    """Return the number below 2^53 that `text` writes in ASCII decimal without leading zeros; raises BadFormat."""
    if not (1 <= len(text) <= 16 and text.isascii() and text.isdecimal()) or (text[0] == "0" and text != "0"):
        raise BadFormat(f"{what} must be a decimal number without leading zeros, got {text[:_SHOWN]!r}")
    value = int(text)
    if value > MAX_LOG_SIZE:
        raise BadFormat(f"{what} must be below 2^53, got {text}")
    return value
