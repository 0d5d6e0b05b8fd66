"""Another scanner, as a command that the operator names: run beside the node, with limits, and heard out. Never the gate.

The command is trusted as its operator trusts it; the file that it reads is not. It runs without the node's secrets: its
environment is a search path and an empty home, and limits on time, memory and what it writes are set before it starts. It has
the node's user and network.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

PLACE = "{file}"
"""What stands for the file's name in a command."""
_BOOT = """
import os, resource, sys
seconds, memory, written = map(int, sys.argv[1:4])
for which, bound in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, written),
                     (resource.RLIMIT_CORE, 0)):
    hard = resource.getrlimit(which)[1]
    bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
    resource.setrlimit(which, (bound, bound))
try:
    os.execvp(sys.argv[4], sys.argv[4:])
except OSError:
    os._exit(127)
"""
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class CommandLimits:
    """Bounds of one run. seconds: processor and wall time; memory: bytes of address space; written, output: bytes."""

    seconds: int = 300
    memory: int = 16 * 1024**3
    written: int = 1024**3
    output: int = 256 * 1024


def run_command(
    command: Sequence[str], file: Path, limits: CommandLimits, stopping: Callable[[], bool] = lambda: False
) -> dict[str, Any] | None:
    """Return what a command says about a file: {name, exit, error, output, reproducible}; None if it was stopped.

    command: words in which `{file}` stands for the file's name; it runs in the file's folder. error: `time`, `start` (there is no
    such program) or `output` (no JSON, or too much of it); output: the JSON it wrote.
    """
    words = [word.replace(PLACE, file.name) for word in command]
    bounds = [str(bound) for bound in (limits.seconds, limits.memory, limits.written)]
    folder = str(file.parent)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8"}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 the operator's own command
            [sys.executable, "-I", "-S", "-c", _BOOT, *bounds, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        ended = _wait(process, limits.seconds, stopping)
        if ended == "stopped":
            return None
        output.seek(0)
        said = output.read(limits.output + 1)
    found = {"name": Path(command[0]).name[:100], "exit": process.returncode, "output": None, "reproducible": False}
    error = "time" if ended == "time" or process.returncode == -signal.SIGXCPU else None
    if error is None and process.returncode == 127:
        error = "start"
    if error is None:
        found["output"], error = _parsed(said, limits.output)
    return found | {"error": error}


def _wait(process: subprocess.Popen[bytes], seconds: int, stopping: Callable[[], bool]) -> str:
    """Return how a process ended: `exit`, `time` or `stopped`; what it started ends with it."""
    deadline = time.monotonic() + seconds
    ended = "exit"
    try:
        while process.poll() is None:
            if stopping() or time.monotonic() > deadline:
                ended = "stopped" if stopping() else "time"
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PAUSE)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return ended


def _parsed(said: bytes, most: int) -> tuple[Any, str | None]:
    """Return the JSON that a command wrote and what is wrong with it."""
    if len(said) > most:
        return None, "output"
    try:
        return msgspec.json.decode(said), None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None, "output"
