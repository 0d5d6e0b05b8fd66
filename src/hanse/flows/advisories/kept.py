"""Advisories as a node knows them, parsed once: a part of the node, so nothing here knows the node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hanse.model.advisory import Advisory
from hanse.model.digest import Sha256
from hanse.model.repo import Origin


@dataclass(frozen=True, slots=True)
class Issued:
    """An advisory as it is known here.

    log: whose; index: of its leaf, None while it waits for the log; retracted: that leaf takes it back; payload, key: digests by
    which its bundle is found; advisory: None where the statement is not here (yet), or cannot be read.
    """

    log: Origin
    id: str
    index: int | None
    time: int
    retracted: bool
    payload: Sha256
    key: Sha256
    advisory: Advisory | None = None


@dataclass(eq=False)
class Book:
    """What was parsed last, and at which state of the catalogue. Safe for threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _state: tuple[int, int, int] = (0, 0, 0)
    _known: tuple[Issued, ...] = ()

    def at(self, state: tuple[int, int, int], make: Callable[[], Iterable[Issued]]) -> tuple[Issued, ...]:
        """Return what `make` finds at a state of the catalogue; at all zeros there is nothing."""
        with self._lock:
            if state == self._state:
                return self._known
        found = tuple(make())
        with self._lock:
            self._state, self._known = state, found
        return found
