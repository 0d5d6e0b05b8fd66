"""`hanse audit` of a Hugging Face cache with 10,000 files beside a parallel SHA-256 of the same files, each a process of its own.

The files have four times the bench's size together, in the page cache. The plain pass is what cannot be undercut: one thread a core, 1 MiB
reads, Python started for nothing else.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.common import Bench, Row, interleave, ratio

FILES = 10_000
REV = "a" * 40
ROOT = Path(__file__).resolve().parents[1]
_HASH = """
import hashlib, os, sys
from concurrent.futures import ThreadPoolExecutor
def digests(paths):
    found, buffer = {}, bytearray(1 << 20)
    view = memoryview(buffer)
    for path in paths:
        state = hashlib.sha256()
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                state.update(view[:count])
        found[path] = state.hexdigest()
    return found
paths = [os.path.join(sys.argv[1], name) for name in os.listdir(sys.argv[1])]
count = len(os.sched_getaffinity(0))
with ThreadPoolExecutor(count) as pool:
    print(sum(map(len, pool.map(digests, [paths[at::count] for at in range(count)]))))
"""


def run(bench: Bench) -> list[Row]:
    """Measure a first audit against hashing, in turns, and one that finds nothing changed."""
    cache = bench.folder / "hub"
    size = _cache(cache, 4 * bench.size // FILES)
    home = bench.folder / "home"
    time.sleep(2.5)  # what changed just now is not noted
    command = [sys.executable, "-m", "hanse", "audit", str(cache)]

    def first() -> float:
        shutil.rmtree(home, ignore_errors=True)
        return _timed(command, home)()

    plain = _timed([sys.executable, "-c", _HASH, str(cache / "models--org--name" / "blobs")], home)
    for one in (first, plain):
        one()
    found = interleave(bench.rounds, first=first, sha256=plain)
    second = interleave(bench.rounds, again=_timed(command, home))["again"]
    return [
        Row(f"hanse audit, {FILES:,} files, {size / 1e9:.1f} GB, first, wall s", str(found["first"])),
        Row("parallel sha256 of the same, wall s", str(found["sha256"])),
        Row("hanse audit, first / parallel sha256", ratio(found["first"], found["sha256"]), "<= 1.15 x"),
        Row("hanse audit of what did not change, wall s", str(second), "<= 1 s"),
    ]


def _timed(command: list[str], home: Path) -> Callable[[], float]:
    environ = {**os.environ, "HANSE_HOME": str(home), "PYTHONPATH": str(ROOT / "src")}

    def once() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environ)
        return time.perf_counter() - start

    return once


def _cache(cache: Path, size: int) -> int:
    """Write a cache entry with many files of about `size` bytes and return how many bytes they have."""
    entry, rng, total = cache / "models--org--name", random.Random(7), 0
    snapshot = entry / "snapshots" / REV
    for folder in (entry / "blobs", entry / "refs", *(snapshot / f"{number:02}" for number in range(100))):
        folder.mkdir(parents=True)
    (entry / "refs" / "main").write_text(REV)
    for number in range(FILES):
        data = rng.randbytes(rng.randrange(size // 2, size * 3 // 2))
        name = hashlib.sha256(data).hexdigest()
        (entry / "blobs" / name).write_bytes(data)
        (snapshot / f"{number % 100:02}" / f"{number:05}.bin").symlink_to(f"../../../blobs/{name}")
        total += len(data)
    return total
