"""The one gateway that a user runs for his sessions: where it is noted, and how it is asked and ended.

The note holds the secret: it is the user's own, mode 0600. A note whose gateway does not answer is of one that was killed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hanse.errors import Conflict, InputError, PeerError, PeerMisbehaved, StorageError
from hanse.flows.remembered import read_private, write_private

if TYPE_CHECKING:
    from hanse.peers.client import Answer

FILE = "gateway.json"
SECRET_BYTES = 24
MAX_NOTE = 64 * 1024
MAX_STATUS = 4 * 1024 * 1024


def new_secret() -> str:
    """Return a secret for one session, 32 characters that need no quoting in addresses."""
    return secrets.token_urlsafe(SECRET_BYTES)


class Asker(Protocol):
    """What asks servers."""

    def get(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a GET."""
        ...

    def post(self, url: str, body: bytes, *, limit: int) -> Answer:
        """Return the answer to a POST."""
        ...


@dataclass(frozen=True, slots=True)
class Note:
    """A running gateway. url: with its secret; cache: hub cache of its programs; policy: its name."""

    url: str
    cache: str
    policy: str


def write_note(home: Path, note: Note) -> None:
    """Note a gateway; raises StorageError."""
    try:
        write_private(home / FILE, json.dumps(asdict(note)).encode())
    except OSError as error:
        raise StorageError(f"{home / FILE} cannot be written: {error.strerror}", hint="set HANSE_HOME") from error


def read_note(home: Path) -> Note:
    """Return the note of the gateway that was started last; raises InputError if there is none."""
    try:
        data = read_private(home / FILE, MAX_NOTE)
        if data is not None:
            found = json.loads(data)
            return Note(str(found["url"]), str(found["cache"]), str(found["policy"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StorageError(f"{home / FILE} cannot be read: {error}", hint="remove it and start the gateway again") from error
    raise InputError("no gateway is running", hint="start one: hanse gateway")


def require_none(client: Asker, home: Path) -> None:
    """Raise Conflict if a gateway runs already: a second note would hide it from those who want to ask or end it."""
    try:
        note = read_note(home)
        status(client, note)
    except (InputError, StorageError):
        return
    raise Conflict(
        f"a gateway runs already, at {note.url.rpartition('/')[0].rpartition('/')[2]}",
        hint="use it, or end it: hanse gateway stop; for one program with another policy: hanse run --policy",
    )


def drop_note(home: Path, note: Note) -> None:
    """Remove the note of a gateway that ends, unless another one has been noted since."""
    with suppress(InputError, StorageError, OSError):
        if read_note(home) == note:
            (home / FILE).unlink()


def status(client: Asker, note: Note) -> dict[str, Any]:
    """Return what a gateway says of its session; raises InputError if it does not run any more."""
    try:
        answer = client.get(f"{note.url}/-/status", limit=MAX_STATUS)
        found = json.loads(answer.body) if answer.status == 200 else None
    except (PeerError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError("the gateway that was noted does not answer", hint="start one: hanse gateway")
    return found


def stop(client: Asker, note: Note) -> None:
    """End a gateway; raises InputError if it does not run any more, PeerMisbehaved if it does not want to."""
    status(client, note)
    answer = client.post(f"{note.url}/-/stop", b"", limit=MAX_NOTE)
    if answer.status != 200:
        raise PeerMisbehaved(f"the gateway answers {answer.status} to being ended")
