"""Verified files of the machine's held store, for mirrors: what was pulled through already is not fetched again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from hanse.errors import HanseError
from hanse.flows.mirror.large import Local
from hanse.flows.pull.proof import is_shown
from hanse.model.filepin import FilePin
from hanse.peers.place import Place
from hanse.store.held.heldfile import HeldFile
from hanse.store.held.store import Held

_READ = 1024 * 1024
_POLL_SECONDS = 0.1


def held_local(held: Held, wait: float = 0.0) -> Callable[[FilePin], Local | None]:
    """Return where a pinned file lies in the held store; one that is being fetched is waited for, up to `wait` seconds."""

    def local(pin: FilePin) -> Local | None:
        until = time.monotonic() + wait
        while held.waits(pin) and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        found = held.find(pin)
        return None if found is None else lambda: _pieces(found)

    return local


def shown(pin: FilePin, local: Local | None, places: Sequence[Place]) -> Local | None:
    """Return `local` if a place gives the same bytes of a piece chosen at random; who knows only a digest does not pass."""
    if local is None:
        return None
    try:
        return local if is_shown(pin, partial(_part, local), places) else None
    except HanseError:  # it is fetched, and then fails for what it fails for
        return None


def _part(local: Local, start: int, end: int) -> bytes:
    """Return the bytes [start, end) of a file."""
    found, at = bytearray(), 0
    for piece in local():
        found += piece[max(0, start - at) : max(0, end - at)]
        at += len(piece)
        if at >= end:
            break
    return bytes(found)


def _pieces(file: HeldFile) -> Iterator[bytes]:
    """Yield the bytes of a held file; raises BlobNotFound if it is not what it was."""
    descriptor = file.open()
    try:
        while data := os.read(descriptor, _READ):
            yield data
    finally:
        os.close(descriptor)
