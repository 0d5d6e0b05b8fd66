"""Advisories as a node knows them, parsed once: a part of the node, so nothing here knows the node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
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


MAX_FOUND = 10_000
"""Revisions whose advisories are remembered."""


@dataclass(eq=False)
class Book:
    """What was parsed last, and at which state of the catalogue; and what was found about revisions. Safe for threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _state: tuple[int, int] = (0, 0)
    _known: tuple[Issued, ...] = ()
    _found: dict[Hashable, tuple[Issued, ...]] = field(default_factory=dict)

    @property
    def last(self) -> tuple[Issued, ...]:
        """What was known at the last look."""
        return self._known

    def at(self, state: tuple[int, int], make: Callable[[], Iterable[Issued]]) -> tuple[Issued, ...]:
        """Return what `make` finds at a state of the catalogue; at all zeros there is nothing."""
        with self._lock:
            if state == self._state:
                return self._known
        found = tuple(make())
        with self._lock:
            self._state, self._known, self._found = state, found, {}
        return found

    def about(self, known: tuple[Issued, ...], key: Hashable, make: Callable[[], Iterable[Issued]]) -> tuple[Issued, ...]:
        """Return what `make` finds about a revision (key) among `known`, as `at` returned it; once while nothing is added."""
        with self._lock:
            found = self._found.get(key) if known is self._known else None
        if found is not None:
            return found
        made = tuple(make())
        with self._lock:
            if known is self._known:
                if len(self._found) >= MAX_FOUND:
                    self._found.clear()
                self._found[key] = made
        return made
