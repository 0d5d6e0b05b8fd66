"""Asks places for something small, one after the other, without waiting long for one that does not answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from hanse.flows.pull.sources import Source

HEDGE_SECONDS = 1.0
"""After so long without an answer the next place is asked, too."""
_TICK = 0.1

T = TypeVar("T")


class InTurn(Generic[T]):
    """Asks `places` in turn, each in a thread of its own; an answer that comes after nobody wants it is dropped.

    stopped: asked now and then whether to give up; hedge: seconds until the next place is asked, too.
    """

    def __init__(
        self,
        places: Sequence[Source],
        ask: Callable[[Source], T],
        stopped: Callable[[], bool],
        *,
        hedge: float = HEDGE_SECONDS,
    ) -> None:
        self._waiting, self._ask, self._stopped, self._hedge = list(places), ask, stopped, hedge
        self._answers: queue.SimpleQueue[tuple[Source, T | Exception]] = queue.SimpleQueue()

    def answers(self, seconds: float = float("inf")) -> Iterator[tuple[Source, T | Exception]]:
        """Yield what places answer, or what they raised, as it comes; the next is asked when more is wanted.

        seconds: after so long no more is waited for.
        """
        until, open_ = time.monotonic() + seconds, 0
        while (self._waiting or open_) and not self._stopped() and time.monotonic() < until:
            if self._waiting:
                source = self._waiting.pop(0)
                threading.Thread(target=self._one, args=(source,), name=f"ask {source.place.name}", daemon=True).start()
                open_ += 1
            answer = self._next(min(until, time.monotonic() + self._hedge) if self._waiting else until)
            if answer is not None:
                open_ -= 1
                yield answer

    def _one(self, source: Source) -> None:
        try:
            self._answers.put((source, self._ask(source)))
        except Exception as error:  # noqa: BLE001 - a place is code that talks to strangers
            self._answers.put((source, error))

    def _next(self, until: float) -> tuple[Source, T | Exception] | None:
        while not self._stopped() and (left := until - time.monotonic()) > 0:
            try:
                return self._answers.get(timeout=min(left, _TICK))
            except queue.Empty:
                continue
        return None
