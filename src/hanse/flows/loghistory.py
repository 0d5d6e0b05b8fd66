"""A log must never be shorter than, or other than, what somebody cosigned of it: a restored backup must not fork it.

Cosignatures of this node's own log are kept in the catalogue (`hanse.db.cosignatures`), those included that a witness holds
against it. While the newest one does not agree with the log, nothing is signed and nothing is appended.
"""

from __future__ import annotations

from hanse.db import cosignatures
from hanse.db.cosignatures import Cosignature
from hanse.db.engine import Database
from hanse.errors import Equivocation, RolledBack
from hanse.flows.logfiles import LogFiles

RECOVERY = (
    "this catalogue and these objects are an older copy. Stop the node, put the newest copy back (a backup, or objects/log of a "
    "mirror of this log), run hanse admin rebuild --replace. If nobody has these leaves, this log cannot go on: start a new node "
    "with another --origin"
)


class LogHistory:
    """Compares the log with the newest cosignature of it. Safe for threads."""

    def __init__(self, db: Database, files: LogFiles) -> None:
        self._db = db
        self._files = files
        self._agrees: tuple[int, str] = (0, "")

    def require(self, origin: str, size: int) -> None:
        """Return if the log of `origin`, of `size` leaves now, continues all that was cosigned of it.

        Raises RolledBack if it is shorter, Equivocation if it is another one.
        """
        with self._db.read() as conn:
            seen = cosignatures.largest(conn, origin)
        if seen is None or (seen.size, seen.root) == self._agrees:
            return
        if seen.size > size:
            raise RolledBack(f"{seen.name} cosigned this log with {seen.size} leaves, and here it has {size}", hint=RECOVERY)
        root = self._files.root(seen.size).hex()
        if root != seen.root:
            raise _fork(seen, root)
        self._agrees = (seen.size, seen.root)


def _fork(seen: Cosignature, root: str) -> Equivocation:
    return Equivocation(
        f"{seen.name} cosigned this log of {seen.size} leaves with root {seen.root}, and here it has {root}",
        evidence=(seen.line.encode(), f"{seen.origin}\n{seen.size}\n{root}\n".encode()),
        hint=RECOVERY,
    )
