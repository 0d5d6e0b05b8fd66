"""Programs that are run on behalf of a person, real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hanse.errors import InputError
from hanse.jobs.child import FORWARDED, started

_WAITS = """
import signal, sys, time
def end(number, frame):
    sys.exit(40 + number)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, end)
open(sys.argv[1], "w").close()
while True:
    time.sleep(0.05)
"""


def _run(*command: str) -> int:
    with started(command, os.environ) as child:
        return child.wait()


def test_exit_codes() -> None:
    """The code is the program's own; a signal that ended it is told by its negative number."""
    assert _run("/bin/sh", "-c", "exit 0") == 0
    assert _run("/bin/sh", "-c", "exit 7") == 7
    assert _run("/bin/sh", "-c", "kill -9 $$") == -9


def test_what_cannot_be_started() -> None:
    """A program that is not there is an error with the remedy, and signals are as before."""
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(InputError, match="cannot start '/no/such/program'"):
        _run("/no/such/program")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("thread", [False, True], ids=["process", "thread"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_it(number: signal.Signals, tmp_path: Path, *, thread: bool) -> None:
    """What is sent here is sent on, whichever thread the system gives it to, and the program decides what becomes of it."""
    ready = tmp_path / "ready"

    def send() -> None:
        while not ready.exists():
            done.wait(0.01)
        if thread:
            signal.pthread_kill(threading.get_ident(), number)
        else:
            os.kill(os.getpid(), number)

    done = threading.Event()
    with started([sys.executable, "-c", _WAITS, str(ready)], os.environ) as child:
        sender = threading.Thread(target=send)
        sender.start()
        assert child.wait() == 40 + number
        sender.join()
    assert all(signal.getsignal(one) is not None for one in FORWARDED)


def test_it_does_not_outlive_an_error(tmp_path: Path) -> None:
    """If what runs it fails, the program is ended."""
    with pytest.raises(ZeroDivisionError), started([sys.executable, "-c", _WAITS, str(tmp_path / "x")], os.environ) as child:  # noqa: PT012 the block is the point
        pid = child.pid
        _ = 1 / 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_a_terminal_an_interrupt_is_sent_on(tmp_path: Path) -> None:
    """SIGINT to a process without a terminal is sent on: nobody else does."""
    script = (
        "import os, signal, sys, threading\n"
        "from hanse.jobs.child import started\n"
        f"with started([sys.executable, '-c', {_WAITS!r}, sys.argv[1]], os.environ) as child:\n"
        "    def send():\n"
        "        while not os.path.exists(sys.argv[1]): pass\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    threading.Thread(target=send).start()\n"
        "    sys.exit(child.wait())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "ready")], start_new_session=True, check=False, timeout=60
    )
    assert done.returncode == 40 + signal.SIGINT
