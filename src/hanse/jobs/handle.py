"""One worker process as the node sees it: a job goes in, facts come back, and a worker that breaks a rule is stopped.

Nothing that a worker sends is believed before it was parsed within bounds.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import hanse
from hanse.jobs import wire
from hanse.jobs.sandbox import JobLimits

_ROOT = str(Path(hanse.__file__).resolve().parents[1])
_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hanse.jobs.worker import main; main(sys.argv[1:])"
_START_SECONDS = 60
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Readable(Protocol):
    """A file to be scanned; reads may raise what the node's store raises, which then ends the job."""

    @property
    def size(self) -> int:
        """Size in bytes."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        ...


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that lies whole on the local disk; the worker gets a descriptor that can only be read.

    descriptor: of the file if it is open already; whoever opened it keeps it open until the job is done.
    """

    path: Path
    size: int
    descriptor: int | None = None


class Stopped(Exception):
    """The worker cannot go on; `reason`: `time`, `memory` or `crash`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Task:
    """What workers make of files: its name there, a check that raises ValueError, and what stands for it when one ended."""

    name: str
    check: Callable[[bytes, int], object]
    stopped: Callable[[int, str], bytes]


@dataclass(eq=False)
class Job:
    """What a thread works off: small files, or one file; the future gets the facts as JSON, one for each."""

    items: Sequence[bytes] = ()
    source: Readable | OpenFile | None = None
    done: Future[list[bytes]] = field(default_factory=Future)


class Process(Protocol):
    """A process that was started here, in the way of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Process id."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, minus the number of the signal that did it; raises subprocess.TimeoutExpired."""
        ...

    def kill(self) -> None:
        """End it at once; nothing if it has ended."""
        ...


def spawn(limits: JobLimits, task: str) -> tuple[Process, socket.socket]:
    """Start a worker by a fresh interpreter and return it with the connection to it; raises OSError."""
    import subprocess  # noqa: PLC0415 a command whose workers are forked does without

    ours, theirs = socket.socketpair()
    with theirs:
        arguments = [_ROOT, str(limits.seconds), str(limits.memory), task]
        try:
            process = subprocess.Popen(  # noqa: S603 our own interpreter and fixed arguments
                [sys.executable, "-I", "-c", _BOOT, *arguments],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
                close_fds=True,
                cwd="/",
            )
        except OSError:
            ours.close()
            raise
    return process, ours


class Worker:
    """One worker process. started: one that runs already, else one is spawned."""

    def __init__(self, limits: JobLimits, task: Task, started: tuple[Process, socket.socket] | None = None) -> None:
        self._limits = limits
        self._task = task
        self.jobs = 0
        self._process, self._sock = started or spawn(limits, task.name)
        self._deadline = time.monotonic() + _START_SECONDS
        self.held = ""

    def greet(self) -> None:
        """Wait until the process is ready and has said what it gave up; raises BrokenFrame or OSError."""
        _, held = wire.receive(self._sock, lambda _kind: 1000, self._patience)
        self.held = held.decode()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def worn(self) -> bool:
        """Tell whether it should make room for a fresh one."""
        return self.jobs >= self._limits.jobs or self._resident() > self._limits.memory // 2

    def _resident(self) -> int:
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * int(_PAGE)
        except (OSError, ValueError, IndexError):
            return 0

    def _patience(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)

    def run(self, job: Job) -> list[bytes]:
        """Return the facts of a job's files as JSON; raises Stopped, and what reading a file raises."""
        self.jobs += 1
        self._deadline = time.monotonic() + self._limits.seconds
        sizes = [len(item) for item in job.items] if job.source is None else [job.source.size]
        try:
            self._send(job)
            answer = self._converse(job.source)
            found = wire.unpack_items(answer)
            if len(found) != len(sizes):
                raise Stopped("crash")
            for data, size in zip(found, sizes, strict=True):
                self._task.check(data, size)
        except TimeoutError as error:
            raise Stopped("time") from error
        except (wire.BrokenFrame, ConnectionError, ValueError) as error:
            raise Stopped(self._reason()) from error
        return found

    def _reason(self) -> str:
        """Return why the process ended: the system ends one that used up its processor time."""
        import subprocess  # noqa: PLC0415 as above

        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process.wait(timeout=1) == -24:  # SIGXCPU
                return "time"
        return "crash"

    def _send(self, job: Job) -> None:
        self._patience()
        if job.source is None:
            wire.send(self._sock, wire.BATCH, wire.pack_items(job.items))
        elif isinstance(job.source, OpenFile):
            with _opened(job.source) as file:
                wire.send(self._sock, wire.OPENED, wire.SIZE.pack(job.source.size), [file])
        else:
            wire.send(self._sock, wire.REMOTE, wire.SIZE.pack(job.source.size))

    def _converse(self, source: Readable | OpenFile | None) -> bytes:
        """Answer the worker's reads until it gives its facts."""
        bounds = {wire.FACTS: wire.MAX_FACTS, wire.WANTED: wire.READ.size}
        while True:
            kind, payload = wire.receive(self._sock, lambda kind: bounds.get(kind, 0), self._patience)
            if kind == wire.FACTS:
                return payload
            if kind == wire.FAILED:
                raise Stopped("memory")
            if kind != wire.WANTED or len(payload) != wire.READ.size or source is None or isinstance(source, OpenFile):
                raise wire.BrokenFrame("an answer of no known kind")
            self._give(source, *wire.READ.unpack(payload))

    def _give(self, source: Readable, offset: int, length: int) -> None:
        """Answer one read; what the disk takes is not the worker's time."""
        if not 0 < length <= wire.BLOCK or offset + length > source.size:
            raise wire.BrokenFrame("a read outside the file")
        started = time.monotonic()
        data = source.read_at(offset, length)
        self._deadline += time.monotonic() - started
        self._patience()
        wire.send(self._sock, wire.BYTES, data)

    def end(self) -> None:
        """Kill the process; idempotent."""
        self._process.kill()
        self._process.wait()
        self._sock.close()


@contextlib.contextmanager
def _opened(file: OpenFile) -> Iterator[int]:
    """Give a descriptor of a file for as long as it is needed."""
    if file.descriptor is not None:
        yield file.descriptor
        return
    descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
