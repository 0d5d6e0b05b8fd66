"""`hanse gateway`: a gateway for a whole session of work, and what its programs' environment is."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from hanse.cli.gateway_flags import (
    NodeFlag,
    OfflineFlag,
    PolicyFlag,
    SizeFlag,
    StoreFlag,
    UpstreamFlag,
)
from hanse.cli.prepared import prepared, say
from hanse.errors import InputError
from hanse.flows.gateway.state import Note, drop_note, new_secret, read_note, require_none, status, stop, write_note
from hanse.home import home_folder

app = App(name="gateway", help="A gateway for a session, in front of unmodified clients.", result_action="return_value")
PORT = 8081
_STOP_SECONDS = 30.0


@app.default
def gateway(
    *,
    port: Annotated[int, Parameter(help="Port of 127.0.0.1 to listen on; 0 takes a free one.")] = PORT,
    policy: PolicyFlag = None,
    node: NodeFlag = None,
    upstream: UpstreamFlag = None,
    offline: OfflineFlag = False,
    store: StoreFlag = None,
    cache_size: SizeFlag = None,
) -> int:
    """Serve until Ctrl-C, SIGTERM or `hanse gateway stop`; programs find it by `eval "$(hanse gateway env)"`."""
    from hanse.app_gateway import Gateway, listen
    from hanse.flows.gateway.session import one_line
    from hanse.peers.client import PeerClient

    with (
        prepared(policy=policy, node=node, upstream=upstream, offline=offline, store=store, cache_size=cache_size) as (
            options,
            held,
        ),
        ExitStack() as stack,
    ):
        with closing(PeerClient()) as client:  # before the port: that of the one that runs is taken, and another would not help
            require_none(client, options.caches)
        listener = stack.enter_context(closing(listen(port)))
        running = Gateway(options, listener, new_secret(), say)
        running.audit(held)
        note = Note(running.url, str(options.cache), options.policy.name)
        write_note(options.caches, note)
        # The program's signals end the server, which then drains.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: running.stop())
        try:
            where = "" if options.caches == options.home else f"HANSE_HOME={options.caches} "  # where the note could be written
            print(f'listening on 127.0.0.1:{running.port}; in each shell: eval "$({where}hanse gateway env)"', flush=True)
            running.serve(held)
        finally:
            drop_note(options.caches, note)
        say(one_line(running.summary()))
    return 0


@app.command
def env() -> int:
    """Print shell lines that make programs use the running gateway: `eval "$(hanse gateway env)"`."""
    from hanse.flows.gateway.client_home import at_home
    from hanse.flows.gateway.env import client_env, exports
    from hanse.peers.client import PeerClient

    note = read_note(_home())
    with closing(PeerClient()) as client:
        status(client, note)
    from hanse.flows.named_servers import before

    environ = before(os.environ)
    changed = at_home(client_env(environ, note.url, Path(note.cache)))
    print(exports(os.environ, changed), end="")
    return 0


@app.command(name="status")
def show(*, as_json: Annotated[bool, Parameter(name="--json", help="Print one JSON object.")] = False) -> int:
    """Say what the running gateway has done so far; exits with 1 if none runs."""
    from hanse.flows.gateway.session import from_json, one_line
    from hanse.peers.client import PeerClient

    note = read_note(_home())
    with closing(PeerClient()) as client:
        found = status(client, note)
    print(json.dumps(found, indent=1) if as_json else one_line(from_json(found)))
    return 0


@app.command(name="stop")
def end() -> int:
    """End the running gateway, and wait until it has ended."""
    from hanse.peers.client import PeerClient

    home = _home()
    note = read_note(home)
    with closing(PeerClient()) as client:
        stop(client, note)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            try:
                if read_note(home) != note:
                    return 0
                status(client, note)
            except InputError:
                return 0
            time.sleep(0.05)
    raise InputError("the gateway has not ended yet", hint="programs may still be reading from it; ask again")


def _home() -> Path:
    return home_folder(os.environ)
