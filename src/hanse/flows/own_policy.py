"""Where a reader's own policy lies, and what counts where he has none."""

from __future__ import annotations

from errno import ENAMETOOLONG, ENOENT, ENOTDIR
from pathlib import Path

from hanse.errors import StorageError

DEFAULT = "open"
FILE = "policy.toml"


def is_there(path: Path) -> bool:
    """Tell whether something is there; raises StorageError where that cannot be found out: it may be a policy that refuses."""
    try:
        path.lstat()
    except OSError as error:
        if error.errno in {ENOENT, ENOTDIR, ENAMETOOLONG}:
            return False
        says = f"cannot look for the policy {path}: {error.strerror}"
        raise StorageError(says, hint="set HANSE_HOME to a folder of your own") from error
    return True
