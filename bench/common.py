"""Shared by all benchmarks: processes, their CPU time and memory, medians with spread."""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.clients import Client
from tests.support.live import LiveNode, live_node

TICKS = os.sysconf("SC_CLK_TCK")
GIB = 1 << 30


class Row(NamedTuple):
    """One line of a result table."""

    what: str
    value: str
    reach: str = ""


@dataclass(frozen=True)
class Bench:
    """What a benchmark gets: an empty folder, the size of its large file in bytes, rounds per figure."""

    folder: Path
    size: int
    rounds: int

    def random_file(self, name: str = "big.bin", seed: int = 7) -> Path:
        """Write an incompressible file of `size` bytes, the same on every machine, and return its path."""
        path = self.folder / name
        rng = random.Random(seed)
        with path.open("wb") as out:
            for _ in range(self.size >> 20):
                out.write(rng.randbytes(1 << 20))
        return path

    def safetensors_file(self, name: str = "model.safetensors", seed: int = 7) -> Path:
        """Write a safetensors file of about `size` bytes, one tensor a MiB, with incompressible values, and return its path."""
        path, rng, count = self.folder / name, random.Random(seed), self.size >> 20
        shape = {"dtype": "F16", "shape": [512, 1024]}
        header = json.dumps({f"t{at}": {**shape, "data_offsets": [at << 20, (at + 1) << 20]} for at in range(count)}).encode()
        header += b" " * (-len(header) % 8)
        with path.open("wb") as out:
            out.write(len(header).to_bytes(8, "little") + header)
            for _ in range(count):
                out.write(rng.randbytes(1 << 20))
        return path

    def node(self, *, flags: tuple[str, ...] = (), **environ: str) -> AbstractContextManager[LiveNode]:
        """Return a context manager that runs a node in this folder, with compiled modules as it has where it is installed."""
        ours = {"HANSE_RATE_API": "0", "HANSE_RATE_TOKENS": "0", "PYTHONDONTWRITEBYTECODE": ""}
        return live_node(self.folder, flags=flags, environ={**ours, **environ})


def machine() -> str:
    """Return one line about this machine."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores, {model.partition(':')[2].strip()}, Python {platform.python_version()}, Linux"


def children(pid: int) -> list[int]:
    """Return `pid` and every process below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += children(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process tree in seconds, ended children included."""
    total = 0
    for one in children(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def peak_memory(pid: int) -> int:
    """Return the largest resident size of a process so far, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def pid_of(node: LiveNode) -> int:
    """Return the process id of a live node."""
    assert node.process is not None
    return node.process.pid


class Spread(NamedTuple):
    """Median with the smallest and largest value."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def spread(values: list[float]) -> Spread:
    """Return the median of `values` with its spread."""
    return Spread(statistics.median(values), min(values), max(values))


def interleave(rounds: int, **runs: Callable[[], float]) -> dict[str, Spread]:
    """Run the named measurements in turn, `rounds` times, every second time backwards, and return the spread of each."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for at in range(rounds):
        for name, run in list(runs.items())[:: -1 if at % 2 else 1]:
            found[name].append(run())
    return {name: spread(values) for name, values in found.items()}


def ratio(ours: Spread, theirs: Spread) -> str:
    """Return ours over theirs as text; a ratio within the spread of 1 is called no difference."""
    value = ours.median / theirs.median
    overlap = ours.low <= theirs.high and theirs.low <= ours.high
    return f"{value:.2f} x" + (" (no difference seen)" if overlap and 0.9 < value < 1.1 else "")


@contextmanager
def clock() -> Iterator[list[float]]:
    """Measure wall time of a `with` block: the list holds the seconds afterwards."""
    out: list[float] = []
    start = time.perf_counter()
    yield out
    out.append(time.perf_counter() - start)


def client(bench: Bench, node: LiveNode, name: str = "home", *, xet: bool = True) -> Client:
    """Return the newest client with a home folder of its own, pinned to one core."""
    return Client("hub2", node, bench.folder / name, xet=xet, prefix=("taskset", "-c", "0"))


def curl(url: str, *, start: int | None = None, end: int | None = None, token: str | None = None) -> float:
    """Fetch `url` to nowhere, pinned to core 0, and return the wall time; raises on any status but 200 and 206."""
    command = ["taskset", "-c", "0", "curl", "-sS", "--fail", "-o", "/dev/null", url]
    if start is not None:
        command += ["-H", f"Range: bytes={start}-{end}"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    with clock() as took:
        subprocess.run(command, check=True)
    return took[0]
