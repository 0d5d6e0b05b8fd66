"""Several server processes: slow starts are waited for, the dead replaced, and nobody outlives the supervisor."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.support.crew import crew
from tests.support.ports import own_port
from uvicorn.supervisors.multiprocess import SIGNALS

from hanse.web import workers
from hanse.web.workers import Workers


def _until(check: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 120
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.fixture(name="one")
def _one(tmp_path: Path) -> Iterator[Workers]:
    """Return a supervisor of one worker in this process, which is started and asked by hand."""
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    made = crew(tmp_path, own_port(), 1)
    for number, handler in kept.items():
        signal.signal(number, handler)
    yield made
    for process in made.processes:
        process.kill()
        process.join()
    made.sockets[0].close()


@pytest.mark.soak
def test_a_slow_start_is_waited_for(one: Workers, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that does not answer is asked on and on without being killed, until its time is over; then it is replaced."""
    monkeypatch.setattr(workers, "_ASK_SECONDS", 0)
    one.init_processes()
    (process,) = one.processes
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    for _ in range(300):  # more than its pipe holds
        one.keep_subprocess_alive()
    assert one.processes == [process]
    assert "listening" not in capsys.readouterr().out
    os.kill(process.pid, signal.SIGCONT)
    said: list[str] = []

    def announced() -> bool:
        one.keep_subprocess_alive()
        said.append(capsys.readouterr().out)
        return "listening on http://127.0.0.1:" in "".join(said)

    _until(announced, "the worker serves in the end")
    assert one.processes == [process]
    os.kill(process.pid, signal.SIGSTOP)
    monkeypatch.setattr(workers, "HUNG_SECONDS", -1)
    one.keep_subprocess_alive()
    assert process.exitcode == -signal.SIGKILL
    assert one.processes != [process]
    assert not one.failed


@contextmanager
def _running(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run two workers as a program, and wait until it says that it listens, or ends."""
    command = [sys.executable, "-m", "tests.support.crew", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        assert program.stdout is not None
        try:
            assert program.stdout.readline() in (f"listening on http://127.0.0.1:{port}\n", "")
            yield program
        finally:
            program.kill()


def _who(port: int) -> int:
    """Return which worker took a connection."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=120) as answer:
        return int(answer.read())


def _workers_of(pid: int) -> set[int]:
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if _is_worker(int(word))}


def _is_worker(pid: int) -> bool:
    """Tell whether the process runs as a worker; what has ended and was not waited for has no command."""
    with suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _all_gone(pids: set[int]) -> bool:
    return not any(_is_worker(pid) for pid in pids)


@pytest.mark.soak
def test_workers_come_and_go(tmp_path: Path) -> None:
    """A killed worker is replaced; SIGHUP replaces all; what ends closes what it opened."""
    port = own_port()
    with _running(tmp_path, port) as program:
        _until(lambda: len(_workers_of(program.pid)) == 2, "both are started")
        victim = min(_workers_of(program.pid))
        os.kill(victim, signal.SIGKILL)
        _until(lambda: len(_workers_of(program.pid) - {victim}) == 2, "another takes its place")
        second = _workers_of(program.pid)
        program.send_signal(signal.SIGHUP)
        _until(lambda: _all_gone(second) and len(_workers_of(program.pid)) == 2, "all are replaced")
        assert _who(port) in _workers_of(program.pid)
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=120) == 0
    assert {int(path.name.removeprefix("closed-")) for path in tmp_path.iterdir()} >= second


@pytest.mark.soak
def test_a_killed_supervisor_leaves_nobody(tmp_path: Path) -> None:
    """When the process that bound the port is killed, its workers close what they have and end, and the port is free again."""
    port = own_port()
    with _running(tmp_path, port) as program:
        left = _workers_of(program.pid)
        assert _who(port) in left
        program.kill()
        program.wait()
        _until(lambda: _all_gone(left), "the workers end")
        assert any(tmp_path.iterdir())
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.soak
def test_workers_that_cannot_start(tmp_path: Path) -> None:
    """Where no worker ever serves, the supervisor ends with a status that says so, instead of trying for ever."""
    (tmp_path / "broken").touch()
    with _running(tmp_path, own_port()) as program:
        assert program.wait(timeout=120) == 1
