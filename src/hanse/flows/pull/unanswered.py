"""Questions that nobody answered after a long wait: whoever repeats one is told so at once, while it is asked again beside him.

Stock clients ask six times more within 23 seconds before they tell their user. He should not wait in vain seven times, and should
have the answer as soon as there is one.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from hanse.errors import PeerError
from hanse.flows.pull.threads import started

LONG_SECONDS = 3.0
TOLD_SECONDS = 30.0
"""Who waited so long for nothing is told the same for this time, as long as asking again brings nothing."""
FRESH_SECONDS = 2.0
"""How long an answer that nobody waited for may be given."""
MAX_KEPT = 256

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Came(Generic[T]):
    """What came of asking, and when (time.monotonic)."""

    at: float
    found: T | None
    error: Exception | None


@dataclass
class _Failure(Generic[T]):
    """What somebody waited for in vain: the error, until when it is told again, and who asks meanwhile, if anybody does."""

    error: PeerError
    until: float
    again: Future[_Came[T]] | None = None


class Unanswered(Generic[T]):
    """Asks, and remembers what nobody answered. Safe for threads; the same question is asked by one caller at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: OrderedDict[Hashable, _Failure[T]] = OrderedDict()

    def ask(self, key: Hashable, question: Callable[[], T]) -> T:
        """Return the answer; raises what the question raises, at once if it was a PeerError after a long wait a moment ago.

        key: what is asked; question: asks it, also in another thread, after this returned, and after what it uses was closed.
        """
        with self._lock:
            failure = self._failures.get(key)
        now = time.monotonic()
        if failure is None or (failure.again is None and now >= failure.until):
            return self._waited(key, question)
        if failure.again is None:
            failure.again = started(lambda: _asked(question))
        elif failure.again.done() or now >= failure.until:
            return self._given(key, failure.again.result(), question)
        # A copy: the error itself holds on to all that was read meanwhile, and whoever gets it may change it.
        raise copy(failure.error)

    def _waited(self, key: Hashable, question: Callable[[], T]) -> T:
        """Ask, and wait for the answer."""
        self._forget(key)
        began = time.monotonic()
        try:
            return question()
        except PeerError as error:
            if time.monotonic() - began >= LONG_SECONDS:
                self._note(key, error, time.monotonic())
            raise

    def _given(self, key: Hashable, came: _Came[T], question: Callable[[], T]) -> T:
        """Return, or raise, what came of asking again; ask once more if that is long ago."""
        self._forget(key)
        if time.monotonic() - came.at >= (FRESH_SECONDS if came.error is None else TOLD_SECONDS):
            return self._waited(key, question)
        if isinstance(came.error, PeerError):
            self._note(key, came.error, came.at)
            raise copy(came.error)
        if came.error is not None:
            raise came.error
        return cast("T", came.found)

    def _note(self, key: Hashable, error: PeerError, at: float) -> None:
        with self._lock:
            self._failures[key] = _Failure(copy(error), at + TOLD_SECONDS)
            while len(self._failures) > MAX_KEPT:
                self._failures.popitem(last=False)

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            self._failures.pop(key, None)


def _asked(question: Callable[[], T]) -> _Came[T]:
    try:
        found = question()
        return _Came(time.monotonic(), found, None)
    except Exception as error:  # noqa: BLE001 raised where it is asked for
        return _Came(time.monotonic(), None, error)
