"""Whether a place really has a file: it shows a piece chosen at random. Who knows only a digest does not pass."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from hanse.errors import HanseError
from hanse.model.filepin import FilePin
from hanse.peers.place import Place

PROOF = 64 * 1024
"""Bytes of a file that a place has to show."""


def is_shown(pin: FilePin, part: Callable[[int, int], bytes], places: Sequence[Place]) -> bool:
    """Tell whether one of the places gives the bytes that `part` (from, to) returns; a place that fails has shown nothing."""
    start = secrets.randbelow(max(1, pin.size - PROOF + 1))
    end = min(pin.size, start + PROOF)
    mine = part(start, end)
    for place in places:
        try:
            if b"".join(place.read(pin, start, end)) == mine:
                return True
        except HanseError:
            continue
    return False
