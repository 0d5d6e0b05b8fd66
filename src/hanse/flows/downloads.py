"""Download counts: gathered in memory, written in batches.

Clients mark every request of a download, so a pull of a hundred files is a hundred marked requests: per repository and caller
one pull is counted in five minutes. Callers are remembered for that long, as a keyed digest, in memory only. Counts not yet
written are lost in a crash.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from sqlalchemy import bindparam, update

from hanse.clock import Clock
from hanse.db.engine import Database
from hanse.db.schema import repos

WINDOW_SECONDS = 300
FLUSH_SECONDS = 60
_REMEMBERED = 100_000


class Downloads:
    """Pulls counted by this process and not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[int, int] = {}
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._written_at = 0

    def count(self, secret: bytes, repo: int, caller: str, now: int) -> bool:
        """Count one pull of a repository unless the caller pulled it in the last minutes; tell whether `flush` is due."""
        key = hashlib.blake2b(f"{repo}/{caller}".encode("utf-8", "replace"), digest_size=16, key=secret[:64]).digest()
        with self._lock:
            last = self._seen.pop(key, None)
            fresh = last is None or now - last >= WINDOW_SECONDS
            self._seen[key] = now if last is None or fresh else last
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            if fresh:
                self._counts[repo] = self._counts.get(repo, 0) + 1
            return bool(self._counts) and now - self._written_at >= FLUSH_SECONDS

    def due(self, now: int) -> bool:
        """Tell whether there is something to write and it is time to."""
        with self._lock:
            return bool(self._counts) and now - self._written_at >= FLUSH_SECONDS

    def take(self, now: int) -> dict[int, int]:
        """Return the counts gathered so far and begin anew."""
        with self._lock:
            taken, self._counts, self._written_at = self._counts, {}, now
            return taken


def flush(db: Database, downloads: Downloads, clock: Clock) -> None:
    """Add the gathered counts to the catalogue."""
    taken = downloads.take(clock.now())
    if not taken:
        return
    rows = [{"b_repo": repo, "b_count": count} for repo, count in sorted(taken.items())]
    with db.write() as conn:
        values = {"downloads": repos.c.downloads + bindparam("b_count")}
        conn.execute(update(repos).where(repos.c.id == bindparam("b_repo")).values(values), rows)
