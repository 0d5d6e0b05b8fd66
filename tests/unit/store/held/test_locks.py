"""Locks on files: one holder, whoever he is, and none once he is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from hanse.store.held.locks import FileLock, taken

HOLDER = """
import sys, time
from pathlib import Path
from hanse.store.held.locks import FileLock
lock = FileLock.get(Path(sys.argv[1]))
print("held" if lock else "refused", flush=True)
sys.stdin.read()
"""


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """A lock that another process has cannot be got; when it is killed it can."""
    path = tmp_path / "x.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert FileLock.get(path) is None
        assert taken(path)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    lock = FileLock.get(path)
    assert lock is not None
    lock.release()
    assert not taken(path)


def test_exactly_one_at_a_time(tmp_path: Path) -> None:
    """Many threads that take turns never have it together, although each removes the file when it is done."""
    path, inside, most = tmp_path / "x.lock", 0, 0
    guard = threading.Lock()

    def turns() -> None:
        nonlocal inside, most
        for _ in range(20):
            lock = FileLock.get(path, wait=60)
            assert lock is not None
            with guard:
                inside += 1
                most = max(most, inside)
            with guard:
                inside -= 1
            lock.release()

    threads = [threading.Thread(target=turns) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert most == 1


def test_release_twice(tmp_path: Path) -> None:
    """Giving a lock back twice is giving it back once."""
    lock = FileLock.get(tmp_path / "x.lock")
    assert lock is not None
    lock.release()
    lock.release()
