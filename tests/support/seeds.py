"""The seed of what tests draw by chance: the same in every run, unless HANSE_TEST_SEED says another one."""

from __future__ import annotations

import os

USUAL = 20_261_127


def run_seed() -> int:
    """Return HANSE_TEST_SEED, else USUAL: what fails today failed yesterday, and whoever looks for more gives other seeds."""
    return int(os.environ.get("HANSE_TEST_SEED") or USUAL)
