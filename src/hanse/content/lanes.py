"""SHA-256 of many messages at once on one core: a vector register holds sixteen of them, each in a lane of its own.

Within one message every step needs the one before, so that no instruction makes it faster; messages do not need each other
(Gueron and Krasnov, "Simultaneous Hashing of Multiple Messages", 2012). A pass over the lanes takes as long for one message as
for all: what it gains depends on the processor and on how many lanes are in use (`flows.hashing` measures both).
"""

from __future__ import annotations

from collections.abc import Sequence

from stringzilla import Sha256 as _Lane
from stringzilla import Sha256s as _Lanes

from hanse.model.digest import Sha256

LANES = 16
"""How many messages AVX-512 takes at once."""


class Digesting:
    """SHA-256 of one message that came out of its lane and may go on by itself."""

    def __init__(self, state: _Lane) -> None:
        self._state = state

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Add the next bytes of the message; the interpreter's lock is not held meanwhile."""
        self._state.update(piece)

    def digest(self) -> Sha256:
        """Return the SHA-256 of all that was added."""
        return Sha256(self._state.hexdigest())


class Lanes:
    """SHA-256 of `LANES` messages at once; each lane begins with an empty message."""

    def __init__(self) -> None:
        self._lanes = _Lanes(LANES)

    def update(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Add the next bytes of every message, which may be none, and best are equally many.

        pieces: one for each lane; ValueError if they are fewer or more. The interpreter's lock is not held meanwhile.
        """
        self._lanes.update(pieces)

    def take(self, lane: int) -> Digesting:
        """Return the message of a lane, numbered from 0, which begins with an empty one again."""
        taken = Digesting(self._lanes[lane].copy())
        self._lanes[lane] = _Lane()
        return taken
