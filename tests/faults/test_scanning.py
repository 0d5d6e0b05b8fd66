"""The scanner under fire: workers killed while many upload, the node killed while it scans."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
from tests.faults.whole import check_world
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes

REPO = "admin/m"
_QUIET = {"HANSE_RATE_API": "0", "HANSE_RATE_TOKENS": "0"}
_NDJSON = {"content-type": "application/x-ndjson"}
UPLOADERS, KILLS = 20, 8


def _workers(node: ForkedNode) -> list[int]:
    """Return the process ids of the node's scan workers."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == node.pid and b"hanse.jobs.worker" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


def _commits(port: int, seed: int, count: int, kept: dict[str, bytes]) -> None:
    rng = random.Random(seed)
    with RawClient(port, ADMIN_TOKEN, timeout=120) as client:
        for number in range(count):
            name, data = f"{seed}/{number}.txt", f"text {rng.random()}\n".encode() * rng.randrange(1, 2000)
            reply = client("POST", f"/api/models/{REPO}/commit/main", commit_body(put_bytes(name, data)), _NDJSON)
            assert reply.status == 200, reply
            kept[name] = data


def _kill_one(node: ForkedNode) -> int:
    """Kill one of the node's scan workers, if there is any, and return how many."""
    for pid in _workers(node)[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return 1
    return 0


def test_killed_workers_cost_nobody_a_file(mother: Mother, tmp_path: Path) -> None:
    """Twenty clients commit while workers die again and again: all commits go through, and all files are served to all."""
    node = ForkedNode(mother, tmp_path, environ=_QUIET)
    node.start()
    with RawClient(node.port, ADMIN_TOKEN) as client:
        client.json("POST", "/api/repos/create", {"name": "m", "organization": "admin", "type": "model"})
    kept: dict[str, bytes] = {}
    _commits(node.port, UPLOADERS, 1, kept)
    threads = [threading.Thread(target=_commits, args=(node.port, seed, 2, kept)) for seed in range(UPLOADERS)]
    killed = _kill_one(node)
    assert killed, "a file was judged, and there is no worker"
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if killed < KILLS:
            killed += _kill_one(node)
        time.sleep(0.6)
    assert len(kept) == UPLOADERS * 2 + 1
    with RawClient(node.port) as nobody:
        for name, data in kept.items():
            reply = nobody("GET", f"/{REPO}/resolve/main/{name}")
            assert (reply.status, reply.body) == (200, data)
    assert node.stop() == 0
    assert _workers(node) == []
    check_world(node.data)


@pytest.mark.soak
def test_the_node_killed_while_it_scans(mother: Mother, tmp_path: Path) -> None:
    """Kill -9 in the middle of scan and commit: after the restart what was acknowledged is served, and no worker is left over."""
    node = ForkedNode(mother, tmp_path, environ=_QUIET)
    node.start()
    with RawClient(node.port, ADMIN_TOKEN) as client:
        client.json("POST", "/api/repos/create", {"name": "m", "organization": "admin", "type": "model"})
    kept: dict[str, bytes] = {}
    for round_ in range(5):
        threads = [threading.Thread(target=_until_killed, args=(node.port, round_ * 10 + seed, kept)) for seed in range(3)]
        for thread in threads:
            thread.start()
        before, deadline = len(kept), time.monotonic() + 120
        while len(kept) < before + 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.02 * round_)
        orphans = _workers(node)
        node.kill()
        for thread in threads:
            thread.join(120)
        _wait_until_gone(orphans)
        node.start()
    assert kept
    with RawClient(node.port) as nobody:
        for name, data in kept.items():
            reply = nobody("GET", f"/{REPO}/resolve/main/{name}")
            assert (reply.status, reply.body) == (200, data)
    assert node.stop() == 0
    check_world(node.data)


def _until_killed(port: int, seed: int, kept: dict[str, bytes]) -> None:
    with contextlib.suppress(Exception):
        _commits(port, seed, 1000, kept)


def _wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 120
    while any(Path(f"/proc/{pid}").exists() and _alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "workers outlive their node"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
