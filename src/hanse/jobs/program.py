"""A program beside this one that speaks JSON lines: it can be killed, has limits, and gets nothing of this program's environment.

What it says is not trusted with more than its answers: lines are bounded and waits have an end. It may run in an environment of
its own (`python`), so that what it imports is no dependency.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hanse.errors import Busy, EngineFailed, InputError

MAX_LINE = 8 * 1024 * 1024
_PIECE = 64 * 1024
_MAX_ERROR = 2000
_WAIT = 0.5


class LineProgram:
    """A program in a process of its own. Use it as a context, or close it.

    arguments: files of this package, run by the interpreter; python: which, "" is this one; environment: beside a search path, an
    empty home and a thread count. Raises InputError if it cannot be started.
    """

    def __init__(
        self, arguments: Sequence[Path], python: str = "", *, threads: int = 1, environment: Mapping[str, str] | None = None
    ) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="hanse-engine-")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 closed with the process
        given = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": self._home.name,
            "TMPDIR": self._home.name,
            "LANG": "C.UTF-8",
        }
        given |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
        try:
            self._process = subprocess.Popen(  # noqa: S603 the user's own interpreter
                [_absolute(python) or sys.executable, "-I", *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=self._home.name,
                env=given | dict(environment or {}),
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            self._home.cleanup()
            raise InputError(f"cannot start {python[:200]!r}: {error.strerror}", hint="--python names an interpreter") from error
        self._rest = b""

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def exchange(self, said: Mapping[str, Any], seconds: float, stopping: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """Say something and return what it says next; raises EngineFailed, which ends it, or Busy if it is to be stopped."""
        deadline = time.monotonic() + seconds
        try:
            self._write(json.dumps(said).encode() + b"\n")
            found = json.loads(self._line(deadline, stopping))
        except (OSError, ValueError, RecursionError) as error:
            raise self.failed(str(error)[:200]) from error
        if type(found) is not dict:
            raise self.failed("it answers with something else than an object")
        return found

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _line(self, deadline: float, stopping: Callable[[], bool]) -> bytes:
        assert self._process.stdout is not None
        file = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([file], [], [], min(left, _WAIT))[0]:
                if stopping():
                    raise Busy("stopped before it answered", hint="the same command goes on from here")
                if left <= 0:
                    raise self.failed("it did not answer in time")
                continue
            piece = os.read(file, _PIECE)
            if not piece or len(self._rest) > MAX_LINE:
                raise self.failed("it ended" if not piece else f"it answers more than {MAX_LINE:,} bytes")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def failed(self, why: str) -> EngineFailed:
        """End the process and return the error that says why, with the end of what it wrote to standard error."""
        self._kill()
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - _MAX_ERROR))
        told = " ".join(self._errors.read().decode(errors="replace").split()[-40:])
        self.close()
        return EngineFailed(f"the engine cannot go on: {why}{f' ({told})' if told else ''}", hint="the run can be resumed")

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Kill it; its folder goes too."""
        self._kill()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
        self._home.cleanup()


def _absolute(python: str) -> str:
    """Return a path that holds in another folder too; a symbolic link stays one, since an environment is found by it."""
    return str(Path(python).expanduser().absolute()) if os.sep in python else python
