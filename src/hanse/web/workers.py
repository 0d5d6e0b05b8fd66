"""Several server processes behind one listening socket: started, watched, replaced and ended by the process that bound it.

uvicorn's own supervisor kills what does not answer within five seconds, a worker that still imports included. On a busy machine
an import takes longer than that, so that no worker ever came up.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn, Protocol

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors.multiprocess import Multiprocess, Process

HUNG_SECONDS = 120
"""So long may a worker say nothing, at its start or later, before it is killed and replaced."""
_ASK_SECONDS = 0.02
log = structlog.get_logger("hanse.web")


class WorkerApp(Protocol):
    """Makes the application inside a worker, and ends what it opened."""

    def __call__(self) -> ASGIApp:
        """Return the application; called once, in the worker."""

    def close(self) -> None:
        """End what the call opened, if it was called."""


@dataclass(slots=True)
class _Seen:
    """What the supervisor knows of a worker: when it answered last, and whether it was asked since, serves, and is to go."""

    heard: float
    asked: bool = False
    serves: bool = False
    leaves: bool = False


class Workers(Multiprocess):
    """uvicorn's supervisor with patience; it says where the node listens as soon as the first worker serves.

    A worker that ends is replaced. If none ever served, all stop: `failed` tells.
    """

    def __init__(self, config: uvicorn.Config, listener: socket.socket, address: str) -> None:
        super().__init__(config, [listener])
        self.failed = False
        self._address = address
        self._announced = False
        self._seen: dict[Process, _Seen] = {}
        self._renewing: list[Process] = []

    def init_processes(self) -> None:
        """Start all workers."""
        self.processes.extend(self._begin() for _ in range(self.processes_num))

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended or hang, and announce the first that serves; called twice a second, never waits long."""
        for place, process in enumerate(self.processes):
            if self._lives(process):
                continue
            process.kill()
            process.join()
            del self._seen[process]
            if not self._announced:
                log.error("a worker ended before any served", pid=process.pid, status=process.exitcode)
                self.failed = True
                self.should_exit.set()
                return
            log.warning("a worker ended and is replaced", pid=process.pid, status=process.exitcode)
            self.processes[place] = self._begin()
        self._renew()

    def restart_all(self) -> None:
        """Let the workers be replaced one after the other (SIGHUP); the others serve meanwhile."""
        self._renewing = list(self.processes)

    def handle_ttin(self) -> None:
        """Nothing: the number of workers is a setting."""

    def handle_ttou(self) -> None:
        """Nothing: the number of workers is a setting."""

    def _begin(self) -> Process:
        process = _Worker(self.config, self.sockets)
        process.start()
        self._seen[process] = _Seen(time.monotonic())
        return process

    def _lives(self, process: Process) -> bool:
        seen = self._seen[process]
        with suppress(OSError, EOFError):
            if not seen.asked:  # what a worker owes is not asked for again: its pipe would fill
                process.parent_conn.send(b"ping")
                seen.asked = True
            if process.parent_conn.poll(_ASK_SECONDS):
                seen.serves, seen.asked, seen.heard = bool(process.parent_conn.recv()), False, time.monotonic()
        if seen.serves and not self._announced:
            self._announced = True
            print(f"listening on {self._address}", flush=True)  # noqa: T201 the line that people and scripts wait for
        return process.process.is_alive() and time.monotonic() < seen.heard + HUNG_SECONDS

    def _renew(self) -> None:
        """End the next worker that is to be replaced, once all serve."""
        self._renewing = [one for one in self._renewing if one in self._seen and not self._seen[one].leaves]
        if self._renewing and all(one.serves and not one.leaves for one in self._seen.values()):
            self._seen[self._renewing[0]].leaves = True
            self._renewing[0].process.terminate()


class _Worker(Process):
    """A worker that ends as a single server does: what it opened is closed, and its status is 0."""

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until SIGTERM or SIGINT comes or the supervisor is gone."""
        # uvicorn raises the signal that stopped it once more when it has drained, and so this is called then.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
        app: WorkerApp = self.config.app  # type: ignore[assignment]
        assert self.server is self._server  # made here, not by both threads at once
        try:
            super().target(sockets)
        finally:
            app.close()

    def always_pong(self) -> None:
        """Answer the supervisor as long as it lives; what it leaves behind must not keep the port."""
        self.parent_conn.close()  # or its end would never be seen
        with suppress(EOFError, OSError):
            super().always_pong()
        os.kill(os.getpid(), signal.SIGTERM)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)
