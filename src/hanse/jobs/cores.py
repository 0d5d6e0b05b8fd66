"""How many processor cores there are for work that is to use them all."""

from __future__ import annotations

import os


def cores() -> int:
    """Return how many cores this process may use; where the system does not tell, all there are."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1
