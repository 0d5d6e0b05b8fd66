"""Memory that the machine has already: a virtual machine may give free pages back, and has to ask for them again at each write.

Writing a GiB to a file took 0.2 s into pages that had just been freed, and up to 2.4 s into pages that had been free for eight
seconds. Who writes more, or later, is measured as slower for that alone. A `Reserve` holds pages that were written to, and gives
them back as fast as others take them, so that whatever is measured finds memory as it is on a machine of its own. Pages of files
that were deleted are given back two seconds later, for a quarter of a second of a core: `spent` waits for that, too.
"""

from __future__ import annotations

import mmap
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

_STEP = 32 << 20
_LEAD = 192 << 20
"""Bytes that are free beside what is taken: pages that are free for long are given back."""
_LOOK = 0.004
_REST = 4.0
"""Seconds until the pages of files that were deleted are given back."""
_PAGE = 4096


class Reserve:
    """A process that holds written pages; `spent` gives them back while something is measured, and takes new ones afterwards.

    size: bytes that are held, more than what is measured writes. A context manager.
    """

    def __init__(self, size: int) -> None:
        program = [sys.executable, "-m", "bench.memory", str(size)]
        root = Path(__file__).resolve().parents[1]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Give the pages back while the block runs, as they are taken; the block begins once the machine is at rest."""
        time.sleep(_REST)
        self._say()
        try:
            yield
        finally:
            self._say()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _say(self) -> None:
        """Wait until the process is ready and have it go on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError("the process that holds memory has ended: give the benchmark a smaller --size")
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()


def _free() -> int:
    """Return the bytes of memory that nothing uses."""
    with Path("/proc/meminfo").open() as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemFree"))


def _hold(size: int) -> bool:
    """Write to memory, wait, give it back as it is taken, until it is enough; return whether there is a next time."""
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        held.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, size, _PAGE):
            held[at] = 1
        print("full", flush=True)
        if not sys.stdin.buffer.readline():
            return False
        wanted, at = _free() + _LEAD, 0
        print("giving", flush=True)
        while not select.select([sys.stdin.buffer], [], [], _LOOK)[0]:
            while at < size and _free() < wanted:
                held.madvise(mmap.MADV_DONTNEED, at, min(_STEP, size - at))
                at += _STEP
        return bool(sys.stdin.buffer.readline())


if __name__ == "__main__":
    while _hold(int(sys.argv[1])):
        pass
