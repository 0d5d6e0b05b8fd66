"""One program run on behalf of a person: it gets the signals that are sent here, and its end is our end.

What the terminal sends (Ctrl-C) reaches every process of the foreground group by itself and is not sent a second time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from hanse.errors import InputError

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_MAX_SIGNALS = 4096


class CannotStart(InputError):
    """A program is not there (`missing`), or is there and cannot be executed."""

    def __init__(self, message: str, *, missing: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.missing = missing


class Child:
    """A running program. Use it from the main thread, from `started` on."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait(self) -> int:
        """Wait for the end of the program and return its exit code, -N if signal N ended it.

        A signal may reach another thread, or arrive just before a wait begins; both would be passed on when the program has ended
        only. So what is waited for is a byte, which every signal writes, and the end of the program, too.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        waiting = threading.Thread(target=self._end, args=(writer,), name="program", daemon=True)
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            waiting.start()
            while self._process.returncode is None:
                os.read(reader, _MAX_SIGNALS)
        finally:
            signal.set_wakeup_fd(before)
        waiting.join()
        os.close(reader)
        os.close(writer)
        return self._process.returncode

    def _end(self, writer: int) -> None:
        self._process.wait()
        with contextlib.suppress(BlockingIOError):  # it is full, so that somebody reads
            os.write(writer, b"\0")

    def signal(self, number: int) -> None:
        """Send a signal, unless the program has ended or has it from the terminal already."""
        if number in _FROM_TERMINAL and _in_foreground():
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


def _in_foreground() -> bool:
    """Tell whether the terminal sends its signals to this process and, so, to the program."""
    try:
        file = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(file) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(file)


@contextlib.contextmanager
def started(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[Child]:
    """Start a program, and pass signals on to it until the block is left; it is killed if it is still there then.

    Signals that arrive before the program is there reach it as soon as it is. Raises CannotStart.
    """
    early: list[int] = []
    running: list[Child] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if running:
            running[0].signal(number)
        else:
            early.append(number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        process = _spawn(command, environ)
        running.append(Child(process))
        for number in early:
            running[0].signal(number)
        try:
            yield running[0]
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _spawn(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(list(command), env=dict(environ))  # noqa: S603 it is what the person asked for
    except OSError as error:
        hint = "put the program and its arguments after `--`"
        says = f"cannot start {command[0][:200]!r}: {error.strerror or error}"
        raise CannotStart(says, missing=error.errno == errno.ENOENT, hint=hint) from error
