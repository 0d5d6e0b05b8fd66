"""How a server says that it still fetches what it is asked for, to whoever wants to know after some seconds how far it is.

The request says `Prefer: wait=SECONDS` (RFC 7240); the answer is 503 with `Retry-After` and `X-Hanse-Progress: DONE/TOTAL`. Both
are bytes, counted at every server on the way, so that who waits at the end of a chain sees that something moves at its start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFER = "Prefer"
PROGRESS = "X-Hanse-Progress"
MAX_WAIT = 3600
"""Longest wait that is asked for, in seconds; a longer one counts as this."""
_WAIT = re.compile(r'(?:^|[,;])[ \t]*wait[ \t]*=[ \t]*"?([0-9]{1,9})"?[ \t]*(?:$|[,;])', re.IGNORECASE)
_STEPS = re.compile(r"([0-9]{1,18})/([0-9]{1,18})")
_MAX_HEADER = 200


@dataclass(frozen=True, slots=True)
class Steps:
    """How far it is: `done` of `total` bytes."""

    done: int
    total: int

    def __str__(self) -> str:
        return f"{self.done}/{self.total}"

    def after(self, earlier: Steps) -> Steps:
        """Return these steps together with those of the server that the bytes come from."""
        return Steps(self.done + earlier.done, self.total + earlier.total)


NO_STEPS = Steps(0, 0)


def parse_steps(text: str) -> Steps | None:
    """Return what a server says about how far it is, None if that is nothing, or nonsense."""
    found = _STEPS.fullmatch(text[:_MAX_HEADER].strip())
    if found is None or int(found[1]) > int(found[2]):
        return None
    return Steps(int(found[1]), int(found[2]))


def wait_header(seconds: float) -> dict[str, str]:
    """Return the header of a request that wants to know after so many seconds how far it is."""
    return {PREFER.lower(): f"wait={max(1, int(seconds))}"}


def parse_wait(prefer: str) -> int | None:
    """Return after how many seconds who asks wants to be told how far it is, at least 1; None if he does not say."""
    found = _WAIT.search(prefer[:_MAX_HEADER])
    return None if found is None else min(max(1, int(found[1])), MAX_WAIT)
