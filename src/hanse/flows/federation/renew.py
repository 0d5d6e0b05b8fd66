"""Readers look for a newer version of a federation that has expired by themselves, once, before they give up.

What has expired vouches for nothing, also while it is renewed; what is found follows from it by signatures, as always.
"""

from __future__ import annotations

import threading
from pathlib import Path

from hanse.errors import BadProof, HanseError
from hanse.flows.federation.follow import update
from hanse.flows.federation.kept import FederationFiles
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient

AGAIN_SECONDS = 3600
SECONDS = 10.0
"""How long each member is waited for."""


def renew(client: PeerClient, folder: Path, now: int) -> list[Origin]:
    """Walk to the newest state of every federation in a folder that has expired at `now`; return those that are current then.

    Raises StorageError if what is kept is damaged. What members show that is false is passed over, as is silence.
    """
    files, found = FederationFiles(folder), list[Origin]()
    for name in files.names():
        try:
            files.load(name).trusted.check_current(now)
            continue
        except BadProof:
            pass
        try:
            update(client, files, name).federation.trusted.check_current(now)
            found.append(name)
        except HanseError:  # whoever asks finds it expired, and says so
            continue
    return found


class Renewing:
    """Renews what expired in one folder, at most once an hour in one process. Safe for threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._tried: int | None = None

    def once(self, now: int) -> bool:
        """Renew what has expired, unless that was tried lately; tell whether anything is current again. Raises StorageError."""
        with self._lock:
            if self._tried is not None and 0 <= now - self._tried < AGAIN_SECONDS:
                return False
            self._tried = now
            client = PeerClient(seconds=SECONDS)
            try:
                return bool(renew(client, self._folder, now))
            finally:
                client.close()
