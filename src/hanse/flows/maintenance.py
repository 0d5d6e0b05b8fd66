"""What a serving node does by itself now and then: derived fields left stale by a crash, expired uploads, download counts.

Nothing here is needed for correctness, and every piece is safe to run in several processes at once. Garbage collection is not
among it: bytes go only when an operator runs `hanse admin gc`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from hanse.errors import HanseError
from hanse.flows import downloads, index, lfs
from hanse.flows.mirror.large import mirror_folder
from hanse.flows.node import Node
from hanse.flows.signing import sign_chains
from hanse.store.parts import purge_parts

ROUND_SECONDS = 600.0
_log = logging.getLogger(__name__)


def tidy(node: Node) -> None:
    """Do one round; what fails is logged and tried again in the next."""
    _once(lambda: sign_chains(node), "chains from before this node had keys")
    _until_none(lambda: index.reindex_stale(node), "derived fields")
    _until_none(lambda: lfs.purge_uploads(node), "expired uploads")
    _once(lambda: node.staging.purge(node.clock.now()), "staging area")
    _once(lambda: purge_parts(mirror_folder(node), node.clock.now() - node.limits.upload_ttl_seconds), "parts of mirrors")
    _once(lambda: downloads.flush(node.db, node.downloads, node.clock), "download counts")


def _until_none(step: Callable[[], int], what: str) -> None:
    def steps() -> None:
        while step():
            pass

    _once(steps, what)


def _once(step: Callable[[], object], what: str) -> None:
    try:
        step()
    except HanseError as error:
        _log.warning("maintenance of %s: %s", what, error.message)


class Maintenance:
    """Runs `tidy` at start and then every ten minutes, in a thread of its own."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and write what is still held in memory."""
        self._stopping.set()
        self._thread.join(timeout=30)
        _once(lambda: downloads.flush(self._node.db, self._node.downloads, self._node.clock), "download counts")

    def _run(self) -> None:
        while True:
            tidy(self._node)
            if self._stopping.wait(ROUND_SECONDS):
                return
