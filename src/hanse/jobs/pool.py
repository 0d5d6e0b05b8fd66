"""The pool: threads that own one worker process each, started when there is work, replaced when they die or grow old.

A worker that crashes, runs out of memory or time ends with its job; the file's facts then say why they are empty, and the next
job gets a fresh worker. Nothing that a worker sends is believed before it was parsed within bounds.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from hanse.errors import Busy
from hanse.jobs import wire
from hanse.jobs.forking import fork_worker, may_fork
from hanse.jobs.handle import Job, OpenFile, Readable, Stopped, Task, Worker
from hanse.jobs.opinion import parse_opinion, stopped_opinion
from hanse.jobs.sandbox import JobLimits
from hanse.model.canonical import canonical
from hanse.scan.facts import Facts, View, facts_from_json
from hanse.scan.versions import SCANNER

TRIES = 3
"""How often a file is given to a fresh worker when its worker dies: the machine kills workers, too."""
_STARTS = 8


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


FACTS = Task("facts", parse_facts, stopped_facts)
OPINIONS = Task("picklescan", parse_opinion, stopped_opinion)


class ScanPool:
    """Workers by which the facts of files are made; threads may share it. Nothing runs before the first job.

    size: worker processes at most; limits: of each; task: something else to be made of files, then "facts" means that below.
    """

    def __init__(self, size: int, limits: JobLimits | None = None, task: Task = FACTS) -> None:
        self.limits = limits or JobLimits()
        self._task = task
        self.size = size
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self._forked: list[Worker] = []
        self.pids: set[int] = set()

    def submit(self, source: Readable | OpenFile) -> Future[list[bytes]]:
        """Begin to scan one file; the future gives its facts as JSON, or raises what reading the file raised."""
        return self._put(Job(source=source))

    def submit_batch(self, items: Sequence[bytes]) -> Future[list[bytes]]:
        """Begin to scan small files, at most MAX_BATCH bytes together."""
        return self._put(Job(items=items))

    def _put(self, job: Job) -> Future[list[bytes]]:
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._queue.put(job)
            if self._queue.qsize() > self._idle and len(self._threads) < self.size:
                self._begin()
        return job.done

    def warm(self) -> None:
        """Begin to start a worker, if none is there, for a job that is known to come: it takes as long as many a scan."""
        with self._lock:
            if not self._closed and not self._threads:
                self._begin(warm=True)

    def prefork(self, count: int) -> None:
        """Fork so many workers of this process, which then start without loading anything, where it has no other thread.

        Call it from the thread that outlives the pool. Workers that take their place later are fresh processes.
        """
        for _ in range(min(count, self.size) if may_fork() else 0):
            self._forked.append(Worker(self.limits, self._task, fork_worker(self.limits, self._task.name)))

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
        while self._forked:
            self._forked.pop().end()

    def _work(self, warm: bool) -> None:
        worker: Worker | None = None
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

    def _run(self, worker: Worker | None, job: Job) -> Worker | None:
        """Run a job and return the worker that may take the next one, if it may."""
        try:
            worker, found = self._try(worker, job)
        except BaseException as error:  # noqa: BLE001 the future carries it to whoever asked
            job.done.set_exception(error)
            return None
        job.done.set_result(found)
        return worker

    def _try(self, worker: Worker | None, job: Job, *, tries: int = TRIES) -> tuple[Worker | None, list[bytes]]:
        """Return a job's facts and the worker that may go on; one that died, perhaps for want of memory, is tried again."""
        worker = self._fresh(worker)
        try:
            return worker, worker.run(job)
        except Stopped as error:
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

    def _one_by_one(self, job: Job) -> tuple[Worker | None, list[bytes]]:
        worker: Worker | None = None
        found: list[bytes] = []
        for item in job.items:
            worker, facts = self._try(worker, Job(items=[item]))
            found += facts
        return worker, found

    def _fresh(self, worker: Worker | None) -> Worker:
        if worker is not None and not worker.worn:
            return worker
        self._drop(worker)
        for _ in range(_STARTS):
            try:
                made = self._ready() or Worker(self.limits, self._task)
            except OSError:  # no process, memory or file descriptor to be had
                continue
            try:
                made.greet()
            except (wire.BrokenFrame, OSError):
                made.end()
                continue
            self.pids.add(made.pid)
            return made
        raise Busy("no scan worker could be started", hint="is the machine out of memory? send the same request again")

    def _ready(self) -> Worker | None:
        with self._lock:
            return self._forked.pop() if self._forked else None

    def _drop(self, worker: Worker | None) -> None:
        if worker is not None:
            self.pids.discard(worker.pid)
            worker.end()
