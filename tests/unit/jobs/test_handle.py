"""One worker process as the node sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hanse.jobs.handle import Job, OpenFile, Stopped, Worker
from hanse.jobs.pool import FACTS, parse_facts
from hanse.jobs.sandbox import JobLimits
from hanse.scan.source import BytesSource


def test_an_open_file_is_read_and_stays_open(tmp_path: Path) -> None:
    """A worker reads the very file that a descriptor stands for, whatever lies under its name by then, and leaves it open."""
    path = tmp_path / "f"
    path.write_bytes(b"GGUF" + bytes(60))
    file = os.open(path, os.O_RDONLY)
    path.unlink()
    worker = Worker(JobLimits(seconds=20), FACTS)
    worker.greet()
    assert "limits" in worker.held
    (found,) = worker.run(Job(source=OpenFile(path, 64, file)))
    assert "gguf" in {view.format for view in parse_facts(found, 64).views}
    assert os.fstat(file).st_size == 64
    with pytest.raises(FileNotFoundError):
        worker.run(Job(source=OpenFile(path, 64)))
    worker.end()
    os.close(file)


def test_a_dead_worker_is_told_from_a_slow_one() -> None:
    """A job of a worker that has ended is stopped as a crash, and ending it twice does nothing."""
    worker = Worker(JobLimits(seconds=20), FACTS)
    worker.greet()
    os.kill(worker.pid, 9)
    with pytest.raises(Stopped, match="crash"):
        worker.run(Job(source=BytesSource(b"x" * 100)))
    worker.end()
    worker.end()
