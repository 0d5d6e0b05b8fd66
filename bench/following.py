"""Following other logs: leaves a second from zero with a map of 10^5 refs, what quiet logs cost, what a witness keeps and needs.

The log is served by a process of its own. Following is in this process, on one core, with everything that a node does: HTTP,
hashes, signatures, replay, the map, the durable copy, the catalogue. Rates are of processor time.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.support.leaves import ORIGIN
from tests.support.logs import Log, operator_log
from tests.support.memorylog import MemoryLog
from tests.support.nodes import make_node

from bench.common import Bench, Row, peak_memory
from hanse.clock import SystemClock
from hanse.db.engine import Database, sqlite_url
from hanse.flows import witness
from hanse.flows.cosigners import add_log
from hanse.flows.follow import Follower
from hanse.flows.node import Node
from hanse.flows.replays import Replays
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient

REFS = 100_000
BATCH = 255
MOVES = 20_000
QUIET = 20
FOLLOW_SECONDS = 60
"""The default of the setting `follow_seconds`."""
PASSES = 20
WITNESSED = 1_000
ASKED = 200
_WAIT = 60


def run(bench: Bench) -> list[Row]:
    """Measure following from zero, then quiet logs, then what a witness keeps."""
    return [*_from_zero(bench), *_quiet(bench), *_state(bench), *_memory(bench)]


def long_log(refs: int, moves: int) -> MemoryLog:
    """Return a log with so many refs, of which so many move once more, and a snapshot after each batch."""
    made, log = operator_log(), MemoryLog(origin=ORIGIN)
    replay, done = made.replay(), log.append(made.leaves)
    for start in range(0, refs + moves, BATCH):
        for number in range(start, min(start + BATCH, refs + moves)):
            made.ref(number, ref=f"refs/heads/b{number % refs}")
        replay.append_own_unverified(made.leaves[done:])
        replay.append([made.add(replay.snapshot(0))])
        log.append(made.leaves[done:])
        done = len(made.leaves)
    return log


def write(log: MemoryLog, folder: Path) -> None:
    """Write a log as files, at the addresses below which logs are served."""
    for path, data in log.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (folder / "checkpoint").write_bytes(log.note())


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Serve a folder from another process; give its address."""
    script = (
        "import functools, http.server as h, sys\n"
        "class Q(h.SimpleHTTPRequestHandler):\n"
        "    protocol_version = 'HTTP/1.1'\n"
        "    def log_message(self, *_): pass\n"
        "s = h.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Q, directory=sys.argv[1]))\n"
        "print(s.server_port, flush=True)\n"
        "s.serve_forever()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@contextmanager
def _node(folder: Path) -> Iterator[Node]:
    database = Database(sqlite_url(folder / "node.db"))
    database.migrate()
    yield replace(make_node(database, folder / "data", clock=SystemClock()), origin=Origin("follower.example"))
    database.close()


def _spent(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _from_zero(bench: Bench) -> list[Row]:
    log = long_log(REFS, MOVES)
    served = bench.folder / "long"
    write(log, served)
    folder = bench.folder / "follower"
    folder.mkdir()
    with file_server(served) as url, _node(folder) as node:
        add_log(node, [log.vkey], url)
        peers = PeerClient()
        follower = Follower(node, peers, Replays(node.store, node.db))
        wall, cpu = _spent(lambda: follower.follow(witness.find_log(node, log.origin)))
        stands = witness.find_log(node, log.origin)
        assert stands.mirrored == log.size
        again = _spent(lambda: Replays(node.store, node.db).append(stands, []))[1]
        peers.close()
    return [
        Row(
            f"from zero, {log.size:,} leaves with {REFS:,} refs: leaves a CPU-second",
            f"{log.size / cpu:,.0f} (wall: {log.size / wall:,.0f} a second)",
            ">= 2,000",
        ),
        Row("the same log replayed from the copy after a restart: leaves a CPU-second", f"{log.size / again:,.0f}"),
    ]


def _quiet(bench: Bench) -> list[Row]:
    folder = bench.folder / "quiet"
    folder.mkdir()
    logs = [MemoryLog(origin=f"quiet{number}.example", seed=f"quiet {number}") for number in range(QUIET)]
    with file_server(bench.folder) as url, _node(folder) as node:
        for log in logs:
            made = Log(origin=Origin(log.origin))
            made.key()
            log.append(made.leaves)
            write(log, bench.folder / log.origin)
            add_log(node, [log.vkey], f"{url}/{log.origin}")
        peers = PeerClient()
        follower = Follower(node, peers, Replays(node.store, node.db))

        def once() -> None:
            for log in logs:
                follower.follow(witness.find_log(node, log.origin))

        once()
        cpu = sum(_spent(once)[1] for _ in range(PASSES)) / PASSES
        peers.close()
    every = FOLLOW_SECONDS
    return [Row(f"{QUIET} quiet logs, read every {every} s: part of a core", f"{100 * cpu / every:.2f} %", "<= 1 %")]


def _state(bench: Bench) -> list[Row]:
    folder = bench.folder / "witness"
    folder.mkdir()
    log = MemoryLog(seed="witnessed")
    log.append([b"entry %d" % number for number in range(1_000)])
    with _node(folder) as node:
        before = _bytes(node)
        for number in range(WITNESSED):
            one = replace(log, origin=f"log{number}.example")
            add_log(node, [one.vkey], f"https://log{number}.example/log")
            witness.submit(node, one.request(0))
        grown = _bytes(node) - before
    return [Row(f"state of a witness, each of {WITNESSED:,} logs: bytes", f"{grown / WITNESSED:,.0f}", "<= 10,000")]


def _bytes(node: Node) -> int:
    with node.db.read() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(conn.exec_driver_sql("PRAGMA page_size").scalar_one())


def _memory(bench: Bench) -> list[Row]:
    """Measure a process that is a witness and nothing else, after it was asked much, at its first start and at the next one."""
    rows = []
    for start in ("first start, which makes the catalogue", "later start"):
        peak = _peak(bench.folder / "only")
        rows.append(Row(f"a witness-only node after {ASKED} requests, {start}: peak of memory, MB", f"{peak / 1e6:.0f}", "<= 80"))
    return rows


def _peak(folder: Path) -> int:
    """Return the peak of memory of a witness in a folder, in bytes."""
    command = [sys.executable, "-m", "hanse", "serve", "--witness-only", "--data", str(folder), "--port", "0"]
    command += ["--origin", "w.example.org"]
    environ = {**os.environ, "HANSE_LOG_LEVEL": "warning"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        url = next(found[0] for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        try:
            _ask_much(url, folder)
            return peak_memory(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_WAIT)


def _ask_much(url: str, folder: Path) -> None:
    log = MemoryLog(origin=f"log{time.time_ns()}.example", seed=f"asking {time.time_ns()}")
    command = [sys.executable, "-m", "hanse", "witness", "log-add", log.vkey, "--data", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    peers = PeerClient()
    for _ in range(ASKED):
        old = log.size
        log.append([b"entry %d" % log.size])
        answer = peers.post(f"{url}/witness/add-checkpoint", log.request(old), limit=4096)
        assert answer.status == 200, answer.body
    peers.close()
