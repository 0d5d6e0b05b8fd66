"""The token in an Authorization header."""

from __future__ import annotations

import base64
import binascii

MAX_TOKEN = 512


def token_in(header: str, *, basic: bool = False) -> str | None:
    """Return the token that a header names: None if it names nothing, empty if it cannot be one.

    basic: the token may be the password of `Basic`, as clients of Git LFS send it (huggingface_hub up to 0.18).
    """
    scheme, _, text = header.partition(" ")
    if not text:
        return None
    if scheme.lower() == "bearer":
        token = text.strip()
    elif basic and scheme.lower() == "basic":
        token = _password(text)
    else:
        token = ""
    return token if len(token) <= MAX_TOKEN else ""


def _password(text: str) -> str:
    try:
        return base64.b64decode(text.strip(), validate=True).decode("ascii").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
