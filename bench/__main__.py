"""`python -m bench [NAME ...] [--size MIB] [--rounds N]`: run the benchmarks and print what they found.

Results go to bench-results/NAME.json; docs/benchmarks.md quotes them with the machine they came from.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from bench.common import Bench, Row, machine

NAMES = (
    "serving",
    "download",
    "upload",
    "dedup",
    "latency",
    "listing",
    "scan",
    "signing",
    "append",
    "log",
    "replay",
    "following",
    "verify",
    "sources",
    "audit",
    "gateway",
    "streaming",
    "replicate",
    "export",
    "evaluate",
)


def main() -> None:
    """Run the named benchmarks, all by default."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], default=[])
    parser.add_argument("--size", type=int, default=1024, help="size of the large file in MiB")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds per figure")
    options = parser.parse_args()
    results = Path("bench-results")
    results.mkdir(exist_ok=True)
    print(machine(), flush=True)
    for name in options.names or NAMES:
        with tempfile.TemporaryDirectory(prefix="hanse-bench-") as folder:
            bench = Bench(Path(folder), size=options.size << 20, rounds=options.rounds)
            runner: Callable[[Bench], list[Row]] = import_module(f"bench.{name}").run
            rows = runner(bench)
        print(f"\n## {name}\n| what | value | reach |\n|---|---|---|", flush=True)
        for row in rows:
            print(f"| {row.what} | {row.value} | {row.reach} |", flush=True)
        report = {"machine": machine(), "size": bench.size, "rows": [row._asdict() for row in rows]}
        (results / f"{name}.json").write_text(json.dumps(report, indent=1))


main()
