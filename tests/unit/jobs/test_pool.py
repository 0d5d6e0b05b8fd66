"""The pool: facts come back, bad workers are replaced, and nothing that a worker says is believed unseen."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.gateways import until

from hanse.errors import Busy, IntegrityError
from hanse.flows.rulesets import builtin_ruleset
from hanse.jobs import handle, wire
from hanse.jobs.handle import OpenFile
from hanse.jobs.pool import ScanPool, parse_facts, stopped_facts
from hanse.jobs.sandbox import JobLimits
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge
from hanse.scan.versions import SCANNER

_REAL = handle._BOOT


class _Slow:
    """A file whose reads take their time, fail, or kill the worker that asks."""

    def __init__(self, size: int, act: Callable[[], None]) -> None:
        self.size = size
        self._act = act

    def read_at(self, _offset: int, length: int) -> bytes:
        """Do what is asked, then give zeros."""
        self._act()
        return bytes(length)


def _worker(body: str) -> str:
    """Return the program of a worker that does `body` instead of scanning what is not `fine`."""
    return (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from hanse.jobs import worker\n"
        "real = worker.extract\n"
        "def extract(source):\n"
        "    if source.read_at(0, 4) in (b'', b'fine'):\n"
        "        return real(source)\n"
        f"    {body}\n"
        "worker.extract = extract\n"
        "worker.main(sys.argv[1:])\n"
    )


@pytest.fixture(name="pool")
def _pool() -> Iterator[ScanPool]:
    made = ScanPool(2, JobLimits(seconds=120))
    yield made
    made.close()


def test_facts_are_those_of_the_engine(pool: ScanPool, tmp_path: Path) -> None:
    """Inline, by reads or by descriptor: the facts are what the engine says in this process."""
    data = b"GGUF" + bytes(3_000_000)
    path = tmp_path / "f"
    path.write_bytes(data)
    expected = json.loads(json.dumps(extract(BytesSource(data)).to_json()))
    for found in (pool.submit(BytesSource(data)), pool.submit_batch([data]), pool.submit(OpenFile(path, len(data)))):
        assert json.loads(found.result(60)[0]) == expected


def test_nothing_runs_before_the_first_job() -> None:
    """A pool that is not used costs no process."""
    made = ScanPool(4)
    assert not made.pids
    made.close()
    with pytest.raises(RuntimeError):
        made.submit(BytesSource(b""))


def test_a_worker_can_wait_for_its_job() -> None:
    """A pool that is told of a job to come has a worker ready, and that one, no second, does the job."""
    made = ScanPool(2)
    made.warm()
    made.warm()
    until(lambda: bool(made.pids))
    ready = set(made.pids)
    assert parse_facts(made.submit(BytesSource(b"fine")).result(60)[0]).views[0].stopped is None
    assert made.pids == ready
    made.close()
    made.warm()
    assert not made.pids


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import time; time.sleep(60)", "time"),
        ("raise MemoryError", "memory"),
        ("bytearray(8 << 30)", "memory"),
        ("import os; os._exit(3)", "crash"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash"),
    ],
    ids=["hangs", "no-memory", "memory-bomb", "exits", "segfault"],
)
def test_a_bad_file_costs_its_worker_only(monkeypatch: pytest.MonkeyPatch, body: str, reason: str) -> None:
    """The file's facts say why they are empty, which is a finding; those beside it and after it are whole."""
    monkeypatch.setattr(handle, "_BOOT", _worker(body))
    made = ScanPool(1, JobLimits(seconds=3 if reason == "time" else 60))
    found = made.submit_batch([b"fine", b"evil", b"fine too"]).result(60)
    stops = [parse_facts(data).views[0].stopped for data in found]
    assert stops == [None, reason, None]
    rules = [[one.rule for one in judge(parse_facts(data), "model.safetensors", builtin_ruleset()).findings] for data in found]
    assert rules[1] == [f"LIMIT-{reason.upper()}"]
    assert parse_facts(made.submit(BytesSource(b"fine")).result(60)[0]).views[0].stopped is None
    made.close()


@pytest.mark.parametrize(
    "body",
    [
        "worker.wire.send(worker.socket.socket(fileno=0), worker.wire.FACTS, b'[]'); worker.time = 1/0",
        "sock = worker.socket.socket(fileno=0); sock.sendall(worker.wire.HEAD.pack(6, 2**32 - 1)); sock.detach()",
        "sock = worker.socket.socket(fileno=0); sock.sendall(worker.wire.HEAD.pack(99, 0)); sock.detach()",
        "sock = worker.socket.socket(fileno=0); worker.wire.send(sock, 5, worker.wire.READ.pack(2**63, 1)); sock.detach()",
        "sock = worker.socket.socket(fileno=0); worker.wire.send(sock, 6, worker.wire.pack_items([b'{}'])); sock.detach()",
    ],
    ids=["no-facts", "huge-frame", "unknown-kind", "read-outside", "empty-facts"],
)
def test_a_worker_that_lies_is_not_believed(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Frames out of bounds, reads outside the file and facts of no known form end the worker, never the node."""
    monkeypatch.setattr(handle, "_BOOT", _worker(body))
    made = ScanPool(1, JobLimits(seconds=60))
    facts = parse_facts(made.submit(BytesSource(b"evil" * 100)).result(60)[0])
    assert facts.views[0].stopped == "crash"
    made.close()


def test_a_killed_worker_is_replaced(pool: ScanPool) -> None:
    """Whoever kills a worker in the middle of a job loses that file's facts and nothing else."""

    def kill() -> None:
        for pid in list(pool.pids):
            os.kill(pid, signal.SIGKILL)

    assert parse_facts(pool.submit(_Slow(5_000_000, kill)).result(60)[0]).views[0].stopped == "crash"
    assert parse_facts(pool.submit_batch([b"x"]).result(60)[0]).views[0].stopped is None


def test_what_reading_raises_comes_out(pool: ScanPool) -> None:
    """A damaged store is not the file's fault: the error goes to whoever asked."""

    def fail() -> None:
        raise IntegrityError("damaged")

    with pytest.raises(IntegrityError):
        pool.submit(_Slow(10, fail)).result(60)
    assert pool.submit_batch([b"x"]).result(60)


def test_slow_disks_are_not_the_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that the node takes to read does not count against the worker."""
    passed = [0]
    monkeypatch.setattr(handle, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0]))
    made = ScanPool(1, JobLimits(seconds=60))

    def wait() -> None:
        passed[0] += 100

    assert parse_facts(made.submit(_Slow(100, wait)).result(60)[0]).views[0].stopped is None
    made.close()


def test_workers_are_recycled() -> None:
    """After so many jobs a fresh process takes over."""
    made = ScanPool(1, JobLimits(jobs=2))
    seen: list[frozenset[int]] = []
    for _ in range(5):
        made.submit_batch([b"x"]).result(60)
        seen.append(frozenset(made.pids))
    assert len(set(seen)) == 3
    made.close()


def test_many_callers_share_few_workers(pool: ScanPool) -> None:
    """Twenty threads at once get their own facts, by two processes."""
    results: dict[int, Any] = {}

    def scan(number: int) -> None:
        results[number] = parse_facts(pool.submit_batch([bytes(number)]).result(120)[0]).size

    threads = [threading.Thread(target=scan, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results == {number: number for number in range(20)}
    assert len(pool.pids) <= 2


def test_a_machine_that_starts_no_worker_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no fault of the file's is an error to be tried again, and no verdict on the file."""
    monkeypatch.setattr(handle, "_BOOT", "raise SystemExit(1)")
    made = ScanPool(1)
    with pytest.raises(Busy):
        made.submit_batch([b"x"]).result(60)
    made.close()


def test_a_machine_that_starts_no_process_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses a process, whoever has a job is told so at once, also if the pool was told of it before."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    made = ScanPool(1)
    made.warm()
    for _ in range(2):
        with pytest.raises(Busy):
            made.submit_batch([b"x"]).result(60)
    made.close()


def test_workers_end_with_the_pool() -> None:
    """A closed pool leaves no process behind."""
    made = ScanPool(1)
    made.submit_batch([b"x"]).result(60)
    (pid,) = made.pids
    made.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_facts_of_something_else_are_refused() -> None:
    """Facts must be of this scanner and of a file of that size."""
    good = stopped_facts(5, "time")
    assert parse_facts(good, 5).scanner == SCANNER
    for data in (b"{}", b"[" * 100_000, good.replace(b'"size":5', b'"size":"5"')):
        with pytest.raises(ValueError, match="facts"):
            parse_facts(data)
    with pytest.raises(ValueError, match="something else"):
        parse_facts(good, 6)
    assert len(good) < wire.MAX_FACTS
    assert _REAL
