"""The CAS epoch as this process knows it. Erasure changes it in the catalogue, perhaps from another process.

It is read again whenever a Xet token is given out or used, in the transaction that looks up what is needed anyway, and
whenever something is presented that does not fit it. So a running process follows at once, and an idle one asks nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection

from hanse.db.engine import Database
from hanse.db.state import get_fact

_LOOK_SECONDS = 1.0
"""Least time between two looks that somebody without any rights can cause."""


class Epochs:
    """The CAS epoch (`text`: 8 hex digits), as last read from the catalogue."""

    def __init__(self, db: Database, text: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._monotonic = monotonic
        self._looked = float("-inf")
        self.text = text

    def read(self, conn: Connection) -> str:
        """Return the epoch as a transaction sees it, and remember it."""
        self.text = get_fact(conn, "cas_epoch") or self.text
        return self.text

    def refresh(self) -> str:
        """Return the epoch as the catalogue has it now, and remember it."""
        with self._db.read() as conn:
            return self.read(conn)

    def look(self) -> str:
        """Return the epoch, read again unless that was done here within the last second."""
        now = self._monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return self.text
        self._looked = now
        return self.refresh()
