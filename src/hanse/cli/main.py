"""The `hanse` command: its exit codes, and how errors are told; its commands are in `hanse.cli.commands`.

Exit codes: 0 done; 1 a HanseError, with code, message and hint on standard error; 2 the command line itself is wrong; 130
interrupted, by the signal itself where it can be, so that a shell's loop ends, too. `hanse run` ends as its program does, with
126 or 127 if that cannot be started.

Nothing is imported here that takes time: an interruption before `run` is entered would show where it happened to be.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from hanse.errors import HanseError

INTERRUPTED = 130


def report(error: HanseError) -> None:
    """Print code, message and hint of `error` on standard error: the only place where the command line does."""
    from hanse.cli.inplace import clear
    from hanse.cli.printable import clean

    clear()
    print(f"{error.code}: {clean(error.message)}", file=sys.stderr)
    if error.hint:
        print(f"hint: {clean(error.hint)}", file=sys.stderr)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; usage errors that the command line's library finds leave by SystemExit(2)."""
    try:
        return _answered(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; nothing more can be said, and the interpreter must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _answered(arguments: Sequence[str]) -> int:
    from hanse.cli.usage import Ending
    from hanse.errors import HanseError

    try:
        result = _called(arguments)
    except HanseError as error:
        report(error)
        return error.exit_code if isinstance(error, Ending) else 1
    return result if isinstance(result, int) else 0


def _called(arguments: Sequence[str]) -> Any:
    """Return what the command gives that a command line names."""
    from hanse.cli.plain import parse_run

    plain = parse_run(arguments)
    if plain is not None:  # whoever runs a program waits for it, and not for the library of all the other command lines
        from hanse.cli.running import run_program

        return run_program(plain)
    from hanse.cli.commands import app

    return app(list(arguments))


def main() -> None:
    """Run the command named by `sys.argv` and exit."""
    try:
        code = run(sys.argv[1:])
    finally:
        _end_when_interrupted()
    gc.freeze()  # the system takes everything back at once; looking for unused objects first would take up to half a second
    if code == INTERRUPTED:
        _interrupt()
    if sys.argv[1:2] == ["run"] and _flushed():
        # Taking hundreds of modules apart would change nothing, and whoever ran a program waits no longer than for that.
        os._exit(code)
    sys.exit(code)


def _end_when_interrupted() -> None:
    """Let an interruption end us at once, from now on: nothing is left to be tidied up."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt() -> None:
    """End by the signal that interrupted us; returns if that cannot be, as for the first process of a container."""
    import signal

    _flushed()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


def _flushed() -> bool:
    """Write what was said, and tell whether that could be done."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return False
    return True
