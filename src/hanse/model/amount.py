"""Amounts of bytes as operators write them: `2 TiB`, `500 GB`."""

from __future__ import annotations

_BINARY = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_DECIMAL = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_ALL = sorted(_BINARY + _DECIMAL, key=lambda unit: -unit[1])


def amount_text(count: int) -> str:
    """Return a number of bytes in the unit in which it is a whole number, as it was probably written; else about how many."""
    for word, size in _ALL:
        if count >= size and count % size == 0:
            return f"{count // size:,} {word}"
    for word, size in _DECIMAL:
        if count >= size:
            return f"about {count / size:,.1f} {word}"
    return f"{count} bytes"
