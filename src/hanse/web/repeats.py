"""What strangers can make the server write to its log without end is written a few times a minute; the rest is counted.

uvicorn writes a line for each request that is none, before any route or limit sees it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

MOST = 10
SECONDS = 60.0
_MAX_KINDS = 1000
_LOGGER = "uvicorn.error"


@dataclass(slots=True)
class _Window:
    began: float
    passed: int = 0
    left: int = 0


class Repeats(logging.Filter):
    """Lets MOST records of a kind pass in SECONDS, and tells with the next one that passes how many did not.

    A kind is a message without its arguments. clock: seconds that only grow. Safe for threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[tuple[int, str], _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is written."""
        with self._lock:
            now, kind = self._clock(), (record.levelno, str(record.msg))
            window = self._windows.get(kind)
            left = 0
            if window is None or now - window.began >= SECONDS:
                left = 0 if window is None else window.left
                if len(self._windows) >= _MAX_KINDS:
                    self._windows.clear()
                window = self._windows[kind] = _Window(now)
            if window.passed == MOST:
                window.left += 1
                return False
            window.passed += 1
            if left:
                record.msg = f"{record.msg} ({left:,} more like it were left out)"
            elif window.passed == MOST:
                record.msg = f"{record.msg} (more like it are only counted for a minute)"
            return True


def limit_repeats() -> None:
    """Limit what the server says of requests that are none, in this process; idempotent."""
    logger = logging.getLogger(_LOGGER)
    if not any(isinstance(one, Repeats) for one in logger.filters):
        logger.addFilter(Repeats())
