"""Who holds the sequencer's lease: a text by which other processes of the same machine can tell that he is dead.

A killed process cannot give its lease up. Its successor on the same machine sees that it is gone and need not wait for the lease
to lapse. Nothing depends on the answer being right: the lease's fence keeps two sequencers apart.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")


def new_holder() -> str:
    """Return a text for this process, other than any before: `machine-process-start-random`, at most 64 characters."""
    pid = os.getpid()
    return f"{_machine()}-{pid}-{_started(pid) or 0}-{secrets.token_hex(8)}"


def is_gone(holder: str) -> bool:
    """Tell whether the process that made `holder` ran on this machine and does not any more; False where that is not known."""
    parts = holder.split("-")
    if len(parts) != 4 or parts[0] != _machine() or parts[0] == "unknown" or not (parts[1] + parts[2]).isdigit():
        return False
    started = int(parts[2])
    return started > 0 and _started(int(parts[1])) != started


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return 16 hex digits for this boot of this machine and this namespace of process numbers, or `unknown`."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        numbers = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return "unknown"
    return hashlib.sha256(f"{boot} {numbers}".encode()).hexdigest()[:16]


def _started(pid: int) -> int | None:
    """Return when a running process started, in clock ticks since boot; None if there is none (or not any more)."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])
