"""Reading a file that somebody else may have made: whole, and never more than is allowed."""

from __future__ import annotations

from pathlib import Path

from hanse.errors import NotFoundError, TooLarge


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the bytes of a file; raises NotFoundError if it cannot be read, or TooLarge above `limit` bytes."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise NotFoundError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > limit:
        raise TooLarge(f"{path} has more than the {limit:,} bytes that such a file may have")
    return data
