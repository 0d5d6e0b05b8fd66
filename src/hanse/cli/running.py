"""Running a program behind a gateway of its own: what `hanse run` does once its command line is read."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.cli.prepared import prepared, say
from hanse.cli.usage import NotExecutable, NotFound
from hanse.store.outfile import replace_file, require_writable

if TYPE_CHECKING:
    from hanse.app_gateway import GatewayOptions
    from hanse.cli.plain import RunOptions
    from hanse.flows.gateway.session import Summary
    from hanse.store.held.store import Held


def run_program(told: RunOptions) -> int:
    """Run a program, say what it used, and return its exit code, 128 + N if signal N ended it (as shells say it).

    Raises KeyboardInterrupt if an interruption ended it, NotFound or NotExecutable if it cannot be started.
    """
    require_writable(told.json_file)
    with prepared(
        policy=told.policy,
        node=told.node,
        upstream=told.upstream,
        offline=told.offline,
        store=told.store,
        cache_size=told.cache_size,
    ) as (options, held):
        code, summary = _run(told.command, options, held)
    _tell(summary, told.json_file)
    if code == -signal.SIGINT:
        raise KeyboardInterrupt
    return 128 - code if code < 0 else code


def _run(command: tuple[str, ...], options: GatewayOptions, held: Held) -> tuple[int, Summary]:
    from hanse.app_gateway import Gateway, listen
    from hanse.jobs.child import CannotStart, started

    with closing(listen(0)) as listener:
        gateway = Gateway(options, listener, _secret(), say)
        gateway.audit(held)
        # The program is started first: both load their libraries at the same time, and its first request waits in the socket.
        try:
            with started(command, gateway.env) as child, gateway.running(held):
                code = child.wait()
        except CannotStart as error:
            raise (NotFound if error.missing else NotExecutable)(error.message, hint=error.hint) from error
        return code, gateway.summary()


def _secret() -> str:
    from hanse.flows.gateway.state import new_secret

    return new_secret()


def _tell(summary: Summary, json_file: Path | None) -> None:
    from hanse.flows.gateway.session import one_line

    try:
        say(one_line(summary))
    except OSError:
        # Nobody reads it any more, as when the terminal was closed. What counts is how the program ended; what is still in the
        # buffer must not fail again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    if json_file is not None:
        import json

        replace_file(json_file, json.dumps(summary.to_json(), indent=1).encode() + b"\n")
