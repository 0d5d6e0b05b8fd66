"""What happens while files are fetched, as it is reported to whoever shows it or keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(str, Enum):
    """What an event tells.

    Bytes came; a place lied, is slow, gives nothing now, or does not have it; somebody who fetches it is waited for; it is there.
    """

    PROGRESS = "progress"
    LIE = "lie"
    SLOW = "slow"
    DEAD = "dead"
    MISSING = "missing"
    WAIT = "wait"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Event:
    """One event about one file.

    place: who it is about, empty for progress and done; chunk: number of the chunk that was false, None if it was the whole
    file or its chunk list; done, total: bytes that are verified (or staged), and bytes of the file; message: one sentence.
    """

    kind: Kind
    path: str
    place: str = ""
    chunk: int | None = None
    done: int = 0
    total: int = 0
    message: str = ""


OUT = "it is asked for nothing more of this file"


def lie(path: str, place: str, what: str, *, chunk: int | None = None, done: int = 0, total: int = 0) -> Event:
    """Return the event of something false that a place sent: the message names the place first."""
    return Event(Kind.LIE, path, place, chunk, done, total, f"{place}: {what}; {OUT}")


def silent(_: Event) -> None:
    """Tell nobody."""
