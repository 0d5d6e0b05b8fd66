"""Why a pickle stream, or a run through a part of it, ended."""

from __future__ import annotations


class Ended(Exception):
    """The stream ended; reason: stop, truncated, bad-opcode, stack-underflow ..."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Framed(Exception):
    """A frame began, which bounds the run; offset: of the opcode behind FRAME in the window."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset
