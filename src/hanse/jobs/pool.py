"""The pool: threads that own one worker process each, started when there is work, replaced when they die or grow old.

A worker that crashes, runs out of memory or time ends with its job; the file's facts then say why they are empty, and the next
job gets a fresh worker. Nothing that a worker sends is believed before it was parsed within bounds.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

import hanse
from hanse.errors import Busy
from hanse.jobs import wire
from hanse.jobs.opinion import parse_opinion, stopped_opinion
from hanse.jobs.sandbox import JobLimits
from hanse.model.canonical import canonical
from hanse.scan.facts import Facts, View, facts_from_json
from hanse.scan.versions import SCANNER

MACHINE_REASONS = ("time", "memory", "crash")
TRIES = 3
"""How often a file is given to a fresh worker when its worker dies: the machine kills workers, too."""
"""Why a view stops that says something about this machine and nothing about the bytes."""
_ROOT = str(Path(hanse.__file__).resolve().parents[1])
_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hanse.jobs.worker import main; main(sys.argv[1:])"
_START_SECONDS = 60
_STARTS = 8
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
    """A file that lies whole on the local disk; the worker gets a descriptor that can only be read."""

    path: Path
    size: int


class _View(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    member: str
    size: int
    executes: bool
    observations: list[tuple[str, int | None, dict[str, Any]]]
    stopped: str | None


class _Facts(msgspec.Struct, forbid_unknown_fields=True):
    scanner: str
    size: int
    views: list[_View]
    spent: dict[str, int]


class _Stopped(Exception):
    """The worker cannot go on; `reason`: `time`, `memory` or `crash`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_facts(data: bytes, size: int | None = None) -> Facts:
    """Return the facts whose JSON is `data`; raises ValueError if it is none of this scanner, or of a file of another size."""
    try:
        found = msgspec.json.decode(data, type=_Facts)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"no facts: {str(error)[:200]}") from error
    if size is not None and (found.size != size or found.scanner != SCANNER):
        raise ValueError("facts of something else")
    return facts_from_json(msgspec.to_builtins(found))


def stopped_facts(size: int, reason: str) -> bytes:
    """Return the facts of a file that could not be read to the end on this machine, as canonical JSON."""
    return canonical(Facts(SCANNER, size, (View("file", "", size, True, (), reason),), {}).to_json())


@dataclass(frozen=True, slots=True)
class Task:
    """What workers make of files: its name there, a check that raises ValueError, and what stands for it when one ended."""

    name: str
    check: Callable[[bytes, int], object]
    stopped: Callable[[int, str], bytes]


FACTS = Task("facts", parse_facts, stopped_facts)
OPINIONS = Task("picklescan", parse_opinion, stopped_opinion)


@dataclass(eq=False)
class _Job:
    """What a thread works off: small files, or one file; the future gets the facts as JSON, one for each."""

    items: Sequence[bytes] = ()
    source: Readable | OpenFile | None = None
    done: Future[list[bytes]] = field(default_factory=Future)


class _Worker:
    """One worker process."""

    def __init__(self, limits: JobLimits, task: Task) -> None:
        self._limits = limits
        self._task = task
        self.jobs = 0
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [_ROOT, str(limits.seconds), str(limits.memory), task.name]
            self._process = subprocess.Popen(  # noqa: S603 our own interpreter and fixed arguments
                [sys.executable, "-I", "-c", _BOOT, *arguments],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
                close_fds=True,
                cwd="/",
            )
        self._sock = ours
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

    def run(self, job: _Job) -> list[bytes]:
        """Return the facts of a job's files as JSON; raises _Stopped, and what reading a file raises."""
        self.jobs += 1
        self._deadline = time.monotonic() + self._limits.seconds
        sizes = [len(item) for item in job.items] if job.source is None else [job.source.size]
        try:
            self._send(job)
            answer = self._converse(job.source)
            found = wire.unpack_items(answer)
            if len(found) != len(sizes):
                raise _Stopped("crash")
            for data, size in zip(found, sizes, strict=True):
                self._task.check(data, size)
        except TimeoutError as error:
            raise _Stopped("time") from error
        except (wire.BrokenFrame, ConnectionError, ValueError) as error:
            raise _Stopped(self._reason()) from error
        return found

    def _reason(self) -> str:
        """Return why the process ended: the system ends one that used up its processor time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self._process.wait(timeout=1) == -24:  # SIGXCPU
                return "time"
        return "crash"

    def _send(self, job: _Job) -> None:
        self._patience()
        if job.source is None:
            wire.send(self._sock, wire.BATCH, wire.pack_items(job.items))
        elif isinstance(job.source, OpenFile):
            file = os.open(job.source.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                wire.send(self._sock, wire.OPENED, wire.SIZE.pack(job.source.size), [file])
            finally:
                os.close(file)
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
                raise _Stopped("memory")
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


class ScanPool:
    """Workers by which the facts of files are made; threads may share it. Nothing runs before the first job.

    size: worker processes at most; task: something else to be made of files, then "facts" means that below.
    """

    def __init__(self, size: int, limits: JobLimits | None = None, task: Task = FACTS) -> None:
        self.limits = limits or JobLimits()
        self._task = task
        self._size = size
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self.pids: set[int] = set()

    def submit(self, source: Readable | OpenFile) -> Future[list[bytes]]:
        """Begin to scan one file; the future gives its facts as JSON, or raises what reading the file raised."""
        return self._put(_Job(source=source))

    def submit_batch(self, items: Sequence[bytes]) -> Future[list[bytes]]:
        """Begin to scan small files, at most MAX_BATCH bytes together."""
        return self._put(_Job(items=items))

    def _put(self, job: _Job) -> Future[list[bytes]]:
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._queue.put(job)
            if self._queue.qsize() > self._idle and len(self._threads) < self._size:
                self._begin()
        return job.done

    def warm(self) -> None:
        """Begin to start a worker, if none is there, for a job that is known to come: it takes as long as many a scan."""
        with self._lock:
            if not self._closed and not self._threads:
                self._begin(warm=True)

    def _begin(self, *, warm: bool = False) -> None:
        # The thread that starts a worker must outlive it: the worker asked to be killed when that thread ends.
        thread = threading.Thread(target=self._work, args=(warm,), name="scan", daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """End all workers; what waits is cancelled. Idempotent."""
        with self._lock:
            self._closed = True
            threads, self._threads = self._threads, []
        with contextlib.suppress(queue.Empty):
            while True:
                waiting = self._queue.get_nowait()
                if waiting is not None:
                    waiting.done.cancel()
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            thread.join(timeout=self.limits.seconds + 5)

    def _work(self, warm: bool) -> None:
        worker: _Worker | None = None
        try:
            while True:
                self._note(+1)
                if warm:
                    with contextlib.suppress(Busy):  # whoever has a job is told
                        worker = self._fresh(worker)
                    warm = False
                job = self._queue.get()
                self._note(-1)
                if job is None:
                    return
                if job.done.set_running_or_notify_cancel():
                    worker = self._run(worker, job)
        finally:
            self._drop(worker)

    def _note(self, change: int) -> None:
        with self._lock:
            self._idle += change

    def _run(self, worker: _Worker | None, job: _Job) -> _Worker | None:
        """Run a job and return the worker that may take the next one, if it may."""
        try:
            worker, found = self._try(worker, job)
        except BaseException as error:  # noqa: BLE001 the future carries it to whoever asked
            job.done.set_exception(error)
            return None
        job.done.set_result(found)
        return worker

    def _try(self, worker: _Worker | None, job: _Job, *, tries: int = TRIES) -> tuple[_Worker | None, list[bytes]]:
        """Return a job's facts and the worker that may go on; one that died, perhaps for want of memory, is tried again."""
        worker = self._fresh(worker)
        try:
            return worker, worker.run(job)
        except _Stopped as error:
            self._drop(worker)
            if len(job.items) > 1:  # one of them did it: each by itself
                return self._one_by_one(job)
            if error.reason == "crash" and tries > 1:
                return self._try(None, job, tries=tries - 1)
            size = len(job.items[0]) if job.source is None else job.source.size
            return None, [self._task.stopped(size, error.reason)]
        except BaseException:
            self._drop(worker)
            raise

    def _one_by_one(self, job: _Job) -> tuple[_Worker | None, list[bytes]]:
        worker: _Worker | None = None
        found: list[bytes] = []
        for item in job.items:
            worker, facts = self._try(worker, _Job(items=[item]))
            found += facts
        return worker, found

    def _fresh(self, worker: _Worker | None) -> _Worker:
        if worker is not None and not worker.worn:
            return worker
        self._drop(worker)
        for _ in range(_STARTS):
            made = _Worker(self.limits, self._task)
            try:
                made.greet()
            except (wire.BrokenFrame, OSError):
                made.end()
                continue
            self.pids.add(made.pid)
            return made
        raise Busy("no scan worker could be started", hint="is the machine out of memory? send the same request again")

    def _drop(self, worker: _Worker | None) -> None:
        if worker is not None:
            self.pids.discard(worker.pid)
            worker.end()
