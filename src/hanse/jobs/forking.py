"""Workers forked from this process: they start in milliseconds, because everything is loaded already.

Only for a command that holds no secret and has one thread: a fork has the memory of its parent. It closes every descriptor but
its connection, and gives up the same rights as any other worker before it sees a byte of a stranger's file.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from hanse.jobs.sandbox import JobLimits
from hanse.jobs.worker import TASKS, work

_PAUSE = 0.01


class Forked:
    """A child of this process, in the way of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, minus the number of the signal that did it; raises subprocess.TimeoutExpired."""
        until = None if timeout is None else time.monotonic() + timeout
        while self._code is None:
            done, status = os.waitpid(self.pid, 0 if until is None else os.WNOHANG)
            if done:
                self._code = os.waitstatus_to_exitcode(status)
            elif until is not None and time.monotonic() > until:
                import subprocess  # noqa: PLC0415 it takes as long to load as everything else here

                raise subprocess.TimeoutExpired("worker", timeout or 0)
            else:
                time.sleep(_PAUSE)
        return self._code

    def kill(self) -> None:
        """End it at once; nothing if it has ended."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def may_fork() -> bool:
    """Tell whether a fork of this process is safe: no lock can be held by another thread."""
    return hasattr(os, "fork") and threading.active_count() == 1


def fork_worker(limits: JobLimits, task: str) -> tuple[Forked, socket.socket]:
    """Fork a worker for a task and return it with the connection to it."""
    TASKS[task]  # a wrong name is an error here and not there
    ours, theirs = socket.socketpair()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # a stream that is closed or none
            stream.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        return Forked(pid), ours
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is meant for whoever waits for us
        number = _only(theirs)
        work(socket.socket(fileno=number), limits.seconds, limits.memory + _mapped(), TASKS[task])
    finally:
        os._exit(1)


def _only(sock: socket.socket) -> int:
    """Close every descriptor but the connection, let the standard streams lead nowhere, and return the connection's number."""
    number = fcntl.fcntl(sock.detach(), fcntl.F_DUPFD_CLOEXEC, 3)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    for one in Path("/dev/fd").iterdir():  # the one by which it is listed is among them, and closed
        if int(one.name) > 2 and int(one.name) != number:
            with suppress(OSError):
                os.close(int(one.name))
    return number


def _mapped() -> int:
    """Return the bytes of address space that were in use before: they are the parent's, not the file's."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
