"""Readers look for newer versions of their federations by themselves: of one that has expired, and of one not looked at for long.

What has expired vouches for nothing, also while it is renewed; what is found follows from it by signatures, as always. A version
that is not the newest vouches for those who were taken off the list since: so members are asked once in the time that the policy
lets cosignatures be old. That they are silent, or hold something back, refuses nothing by itself, and is told.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from hanse.clock import rfc3339
from hanse.errors import BadProof, HanseError
from hanse.flows.federation.follow import update
from hanse.flows.federation.kept import FederationFiles
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient

AGAIN_SECONDS = 3600
SECONDS = 10.0
"""How long each member is waited for."""


def renew(client: PeerClient, folder: Path, now: int, max_age: int | None = None) -> list[Origin]:
    """Walk to the newest state of every federation in a folder that has expired at `now`; return those that are current then.

    max_age: seconds after which one that has not expired is looked at, too. Raises StorageError if what is kept is damaged. What
    members show that is false is passed over, as is silence.
    """
    files, found = FederationFiles(folder), list[Origin]()
    for name in files.names():
        current = _is_current(files, name, now)
        if current and not _is_due(files, name, now, max_age):
            continue
        with suppress(HanseError):  # whoever asks finds it expired, and says so
            trip = update(client, files, name, until_enough=current)
            files.look(name, now if trip.enough else files.looked(name)[0], now)
            trip.federation.trusted.check_current(now)
            if not current:
                found.append(name)
    return found


def overdue(folder: Path, now: int, max_age: int) -> list[str]:
    """Return what is to be told of federations of which nobody has shown lately that they are the newest, a line each."""
    files, found = FederationFiles(folder), list[str]()
    for name in files.names():
        heard, asked = files.looked(name)
        if asked and now - heard > max_age:
            since = f" since {rfc3339(heard)}" if heard else ""
            found.append(f"too few members of {name} have shown{since} that its list, as it is known here, is the newest")
    return found


def due(folder: Path, now: int, max_age: int) -> bool:
    """Tell whether a federation in a folder is to be looked at by now; nothing is verified."""
    files = FederationFiles(folder)
    return any(_is_due(files, name, now, max_age) for name in files.names())


def _is_current(files: FederationFiles, name: Origin, now: int) -> bool:
    try:
        files.load(name).trusted.check_current(now)
    except BadProof:
        return False
    return True


def _is_due(files: FederationFiles, name: Origin, now: int, max_age: int | None) -> bool:
    heard, asked = files.looked(name)
    return max_age is not None and now - heard > max_age and now - asked >= AGAIN_SECONDS


class Renewing:
    """Renews what expired in one folder, at most once an hour in one process. Safe for threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._tried: int | None = None

    def once(self, now: int, max_age: int | None = None) -> bool:
        """Renew what has expired, unless that was tried lately; tell whether anything is current again. Raises StorageError.

        max_age: as `renew`.
        """
        with self._lock:
            if self._tried is not None and 0 <= now - self._tried < AGAIN_SECONDS:
                return False
            self._tried = now
            client = PeerClient(seconds=SECONDS)
            try:
                return bool(renew(client, self._folder, now, max_age))
            finally:
                client.close()
