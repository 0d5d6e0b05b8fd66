"""Why a pickle stream ended."""

from __future__ import annotations


class Ended(Exception):
    """The stream ended; reason: stop, truncated, bad-opcode, stack-underflow ..."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
