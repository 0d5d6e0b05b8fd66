"""Asking several sources at once: threads that nobody has to wait for, not even the end of the program."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


def started(work: Callable[[], T]) -> Future[T]:
    """Begin to do something in a thread of its own."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 the future carries it to whoever waits
            future.set_exception(error)

    threading.Thread(target=run, name="ask", daemon=True).start()
    return future


def done_within(futures: Sequence[Future[T]], seconds: float | None) -> list[Future[T]]:
    """Return those that are done after at most so many seconds (None: all, whenever they are), in the given order."""
    done, _ = wait(futures, timeout=seconds)
    return [one for one in futures if one in done]
