"""The race that tlog-witness shows: two growing checkpoints at once, in threads and in processes, on both kinds of catalogue."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.memorylog import MemoryLog
from tests.support.nodes import make_node

from hanse.db import witnesses
from hanse.db.engine import Database
from hanse.errors import SizeConflict
from hanse.flows import witness
from hanse.flows.node import Node
from hanse.tlog.addcheckpoint import parse_request
from hanse.tlog.hashing import EMPTY_ROOT

ROOT = Path(__file__).resolve().parents[2]


def _prepare(database: Database, folder: Path, size: int) -> tuple[Node, MemoryLog]:
    node, log = make_node(database, folder), MemoryLog()
    log.grow(size)
    with database.write() as conn:
        witnesses.add(conn, log.origin, (log.vkey,), "", EMPTY_ROOT.hex())
    return node, log


def _submit(node: Node, body: bytes, gate: threading.Barrier) -> int:
    gate.wait()
    try:
        return witness.submit(node, body).checkpoint.size
    except SizeConflict:
        return 0


def test_threads_race(database: Database, tmp_path: Path) -> None:
    """Of several checkpoints that grow the log from one size at once exactly one is cosigned, and that one is recorded."""
    node, log = _prepare(database, tmp_path / "data", 40)
    at = 0
    with ThreadPoolExecutor(4) as pool:
        for _ in range(6):
            gate = threading.Barrier(4)
            bodies = [log.request(at, at + step) for step in (1, 2, 3, 4)]
            won = [size for size in pool.map(lambda body, gate=gate: _submit(node, body, gate), bodies) if size]
            assert len(won) == 1
            at = won[0]
            assert witness.find_log(node, log.origin).size == at


def test_a_slow_request_cannot_roll_back(database: Database, tmp_path: Path) -> None:
    """The specification's own example: both are checked, the larger is stored, and the smaller then finds that it lost."""
    node, log = _prepare(database, tmp_path / "data", 12)
    witness.submit(node, log.request(0, 3))
    for smaller, larger in ((4, 7), (8, 12)):
        seen = witness.find_log(node, log.origin)
        opened = witness.check(node, parse_request(log.request(seen.size, smaller)), seen)
        witness.submit(node, log.request(seen.size, larger))
        with pytest.raises(SizeConflict) as lost:
            witness.record(node, seen, opened)
        assert lost.value.size == larger


@contextmanager
def _racer(database: Database, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.support.racer", database.url.render_as_string(hide_password=False), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


def test_processes_race(database: Database, tmp_path: Path) -> None:
    """Two processes over one catalogue, each with its own connections, never both cosign from one size."""
    node, log = _prepare(database, tmp_path / "data", 60)
    at = 0
    with _racer(database, tmp_path / "data") as one, _racer(database, tmp_path / "data") as two:
        for _ in range(12):
            for process, step in ((one, 1), (two, 2)):
                assert process.stdin is not None
                process.stdin.write(base64.b64encode(log.request(at, at + step)).decode() + "\n")
                process.stdin.flush()
            answers = [process.stdout.readline().strip() for process in (one, two) if process.stdout]
            won = [int(answer) for answer in answers if not answer.startswith("!")]
            assert len(won) == 1
            at = won[0]
            assert [int(answer[1:]) for answer in answers if answer.startswith("!")] == [at]
            assert witness.find_log(node, log.origin).size == at
