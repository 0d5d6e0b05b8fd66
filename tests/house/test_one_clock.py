"""Seconds since 1970 come from `hanse.clock` alone, which says in words that a machine's clock is wrong."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "hanse"
READS = re.compile(r"\btime\.time\(|\bdatetime\.(?:now|utcnow|today)\(|\bdate\.today\(|from time import (?:.*\b)?time\b")


def test_nothing_else_reads_the_clock() -> None:
    """No file but the clock's own asks the machine for the time."""
    found = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if READS.search(path.read_text("utf-8"))}
    assert found == {"clock.py"}


def test_the_rule_can_fail() -> None:
    """Each way of asking is found; durations and file times are no clock."""
    for line in ("now = int(time.time())", "datetime.now(UTC)", "date.today()", "from time import sleep, time"):
        assert READS.search(line)
    for line in ("time.monotonic()", "time.time_ns()", "from time import sleep", "datetime.fromtimestamp(1, UTC)"):
        assert not READS.search(line)
