"""Text of others on a terminal."""

from __future__ import annotations


def clean(text: str) -> str:
    """Return text as it may be shown on a terminal: control characters, which could rewrite the screen, escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text)
