"""Which federations a reader keeps, and whether one of them changed: told without loading anything that verifies them."""

from __future__ import annotations

from pathlib import Path

from hanse.errors import StorageError

FOLDER = "federations"
"""Where a reader keeps federations, below HANSE_HOME."""
STATE = "trusted.json"
Seen = tuple[tuple[str, int, int, int], ...]
"""Which federations there are, and what tells whether one changed: name, and inode, size and time of its state."""


def seen_in(folder: Path) -> Seen:
    """Return which federations are kept in a folder, in which state; nothing is verified. Raises StorageError."""
    try:
        found = []
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            state = path / STATE
            if state.is_file():
                status = state.stat()
                found.append((path.name, status.st_ino, status.st_size, status.st_mtime_ns))
    except OSError as error:
        raise StorageError(f"cannot read the federations in {folder}: {error.strerror}") from error
    return tuple(found)
