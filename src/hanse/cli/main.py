"""The `hanse` command: its exit codes, and how errors are told; its commands are in `hanse.cli.commands`.

Exit codes: 0 done; 1 a HanseError, with code, message and hint on standard error; 2 the command line itself is wrong; 130
interrupted.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hanse.cli.plain import parse_run
from hanse.cli.usage import WrongUsage
from hanse.errors import HanseError


def report(error: HanseError) -> None:
    """Print code, message and hint of `error` on standard error: the only place where the command line does."""
    print(f"{error.code}: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; usage errors that the command line's library finds leave by SystemExit(2)."""
    try:
        result = _called(arguments)
    except HanseError as error:
        report(error)
        return 2 if isinstance(error, WrongUsage) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left; nothing more can be said, and the interpreter must not try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return result if isinstance(result, int) else 0


def _called(arguments: Sequence[str]) -> Any:
    """Return what the command gives that a command line names."""
    plain = parse_run(arguments)
    if plain is not None:  # whoever runs a program waits for it, and not for the library of all the other command lines
        from hanse.cli.running import run_program

        return run_program(plain)
    from hanse.cli.commands import app

    return app(list(arguments))


def main() -> None:
    """Run the command named by `sys.argv` and exit."""
    code = run(sys.argv[1:])
    gc.freeze()  # the system takes everything back at once; looking for unused objects first would take up to half a second
    if sys.argv[1:2] == ["run"]:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End this process at once, unless what it said cannot be written: whoever ran a program waits no longer than for that.

    Its program, its gateway and its workers have ended by now; taking hundreds of modules apart would change nothing.
    """
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
