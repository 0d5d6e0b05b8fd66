"""Workers that are forked: as enclosed as those that are spawned, and there at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hanse.jobs import worker
from hanse.jobs.forking import fork_worker, may_fork
from hanse.jobs.handle import Job, OpenFile, Stopped, Worker
from hanse.jobs.pool import FACTS, parse_facts
from hanse.jobs.sandbox import JobLimits
from hanse.scan.dispatch import extract as real
from hanse.scan.facts import Facts
from hanse.scan.source import BytesSource, Source

LIMITS = JobLimits(seconds=30)


def _forked(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], limits: JobLimits = LIMITS) -> Worker:
    """Return a forked worker that does something before it reads a file with content."""

    def extract(source: Source) -> Facts:
        if source.size:
            act()
        return real(source)

    monkeypatch.setattr(worker, "extract", extract)
    made = Worker(limits, FACTS, fork_worker(limits, "facts"))
    made.greet()
    return made


def _grow() -> None:
    bytearray(8 << 30)


@pytest.mark.parametrize(
    ("act", "reason"),
    [(lambda: time.sleep(60), "time"), (_grow, "memory"), (lambda: os._exit(3), "crash")],
    ids=["hangs", "memory-bomb", "exits"],
)
def test_its_limits_hold(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], reason: str) -> None:
    """A file that wants too much time or memory, or ends the process, is said to have done so."""
    made = _forked(monkeypatch, act, JobLimits(seconds=1) if reason == "time" else LIMITS)
    with pytest.raises(Stopped, match=reason):
        made.run(Job(source=BytesSource(b"evil")))
    made.end()


def test_it_has_nothing_of_its_parents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A forked worker has its connection and three streams to nowhere, no network and no program to start, and still reads."""
    secret = os.open(tmp_path / "secret", os.O_CREAT | os.O_RDWR)

    def look() -> None:
        opened = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.exists()]
        assert not [name for name in opened if "secret" in name]
        assert opened.count(os.devnull) == 3
        with pytest.raises(PermissionError):
            os.execv("/bin/true", ["true"])

    made = _forked(monkeypatch, look)
    path = tmp_path / "f"
    path.write_bytes(b"GGUF" + bytes(60))
    (found,) = made.run(Job(source=OpenFile(path, 64)))
    assert "gguf" in {view.format for view in parse_facts(found, 64).views}
    os.close(secret)
    made.end()


def test_waiting_tells_how_it_ended() -> None:
    """The signal that ended a worker is told as `subprocess` tells it, and a wait ends in time."""
    process, connection = fork_worker(LIMITS, "facts")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.kill()
    assert process.wait() == process.wait(1) == -signal.SIGKILL
    process.kill()
    connection.close()


def test_no_fork_beside_other_threads() -> None:
    """A process with another thread does not fork: that one could hold a lock that is then held for ever."""
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    assert not may_fork()
    go.set()
    thread.join()


def test_commands_fork_their_workers(tmp_path: Path) -> None:
    """`hanse scan` starts no second interpreter, and leaves no process behind."""
    (tmp_path / "a.json").write_text("{}")
    code = "import subprocess, sys\nfrom hanse.cli.main import run\nsubprocess.Popen = None\nsys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "scan", str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout[:4]) == (0, "ok: ")
