"""`python -m tests.scan.once FILE PATH`: scan one file in a process of its own and tell time, memory and outcome as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from hanse.flows.rulesets import builtin_ruleset
from hanse.flows.scanning import Input, scan_file
from hanse.scan.dispatch import all_formats
from hanse.scan.ruleset import Ruleset

QUICK = 0.5
"""Below so many seconds the file is scanned five times more: a worker of a node has done its like before."""


def _timed(file: str, path: str, rules: Ruleset) -> float:
    started = time.process_time()
    scan_file(Input(Path(file), path), rules)
    return time.process_time() - started


def main() -> None:
    """Scan and report; loading the scanner counts to memory, not to time. `again`: the median of more scans of the same file."""
    rules = builtin_ruleset()
    all_formats()
    started = time.process_time()
    found = scan_file(Input(Path(sys.argv[1]), sys.argv[2]), rules).judgement
    took = time.process_time() - started
    again = sorted(_timed(sys.argv[1], sys.argv[2], rules) for _ in range(5))[2] if took < QUICK else took
    status = Path("/proc/self/status").read_text(encoding="ascii")  # the peak of getrusage is inherited from whoever started us
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    gaps = [[gap.format, gap.reason] for gap in found.gaps[:5]]
    told = {
        "seconds": took,
        "again": again,
        "memory": peak,
        "verdict": found.verdict.value,
        "coverage": found.coverage.value,
        "gaps": gaps,
    }
    print(json.dumps(told | {"spent": dict(found.spent)}))


if __name__ == "__main__":
    main()
