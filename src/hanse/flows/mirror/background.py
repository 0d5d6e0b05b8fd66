"""Mirroring in the background of a serving node: what was pulled through is completed, what is mirrored is looked at again.

One revision at a time, each once however often it is asked for; what failed is not tried again for a while. A process that ends
loses nothing but the list: who asks next puts it on again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict

from hanse.errors import HanseError
from hanse.flows.mirror.intake import Options
from hanse.flows.mirror.journey import mirror
from hanse.flows.mirror.upstream import Upstream
from hanse.flows.node import Node
from hanse.model.repo import RepoType

AGAIN_SECONDS = 300.0
"""After what time a name that was looked at is looked at again."""
MAX_WANTED = 1000
"""Revisions on the list at one time; what comes beyond is left to the next who asks."""
MAX_SEEN = 10_000
_log = logging.getLogger(__name__)
_Key = tuple[RepoType, str, str]


class Completing:
    """Mirrors what is wanted, in a thread of its own. Safe for threads; close it when the node stops.

    again: seconds after which a name that was looked at is looked at again; delay: seconds from being wanted to being mirrored.
    """

    def __init__(
        self, node: Node, upstream: Upstream, options: Options, *, again: float = AGAIN_SECONDS, delay: float = 2.0
    ) -> None:
        self._node = node
        self._upstream = upstream
        self._options = options
        self._again = again
        self._delay = delay
        self._changed = threading.Condition()
        self._wanted: OrderedDict[_Key, None] = OrderedDict()
        self._seen: OrderedDict[_Key, float] = OrderedDict()
        self._busy = False
        self._thread = threading.Thread(target=self._run, name="mirror-background", daemon=True)
        self._thread.start()

    def want(self, kind: RepoType, path: str, name: str) -> bool:
        """Put a revision on the list, unless it is there or was looked at lately; tell whether it was put there."""
        key = (kind, path.lower(), name)
        with self._changed:
            last = self._seen.get(key)
            if key in self._wanted or len(self._wanted) >= MAX_WANTED or (last is not None and time.monotonic() < last):
                return False
            self._wanted[key] = None
            self._seen[key] = time.monotonic() + self._again
            self._seen.move_to_end(key)
            while len(self._seen) > MAX_SEEN:
                self._seen.popitem(last=False)
            self._changed.notify_all()
        return True

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is on the list or being done; tell whether that came within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._wanted and not self._busy, timeout)

    def close(self) -> None:
        """Stop after the piece that is being read; idempotent."""
        self._options.stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (key := self._next()) is not None:
            kind, path, name = key
            try:
                mirror(self._node, self._upstream, kind, path, name, options=self._options)
            except HanseError as error:
                _log.warning("mirror: %s %s at %s: %s", kind.value, path, name, error.message)
            except RuntimeError:  # the pool was closed: the node stops
                return
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _next(self) -> _Key | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._wanted) or self._options.stop.is_set())
            if self._options.stop.is_set():
                return None
            self._busy = True
        # Whoever asked for a revision asks for files of it next, which are then not fetched twice.
        self._options.stop.wait(self._delay)
        with self._changed:
            return self._wanted.popitem(last=False)[0]
