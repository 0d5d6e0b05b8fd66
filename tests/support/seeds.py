"""The seed of what tests draw by chance: it changes every day, unless HANSE_TEST_SEED says another one."""

from __future__ import annotations

import os
import time

DAY = 86_400


def run_seed() -> int:
    """Return HANSE_TEST_SEED, else the number of the day (UTC): new ground each day, and what fails can be seen again."""
    return int(os.environ.get("HANSE_TEST_SEED") or int(time.time()) // DAY)
