"""`hanse run`: a program whose Hugging Face clients get only verified bytes that a policy lets pass."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hanse.cli.gateway_flags import NodeFlag, OfflineFlag, PolicyFlag, SizeFlag, StoreFlag, UpstreamFlag, prepared, say
from hanse.errors import InputError, StorageError

if TYPE_CHECKING:
    from hanse.app_gateway import GatewayOptions
    from hanse.flows.gateway.session import Summary
    from hanse.store.held.store import Held


def run(
    *command: Annotated[str, Parameter(help="Program and arguments, after `--`.", allow_leading_hyphen=True)],
    policy: PolicyFlag = None,
    node: NodeFlag = None,
    upstream: UpstreamFlag = None,
    offline: OfflineFlag = False,
    store: StoreFlag = None,
    cache_size: SizeFlag = None,
    json_file: Annotated[Path | None, Parameter(name="--json", help="Write what happened to this file, as JSON.")] = None,
) -> int:
    """Run a program behind a gateway of its own: `hanse run -- python app.py`.

    What it loads by Hugging Face tools is resolved, judged by the policy and verified to the last chunk before a byte leaves.
    Exits with the program's exit code.
    """
    if not command:
        raise InputError("there is nothing to run", hint="hanse run -- python app.py")
    with prepared(policy=policy, node=node, upstream=upstream, offline=offline, store=store, cache_size=cache_size) as (
        options,
        held,
    ):
        code, summary = _run(command, options, held)
    _tell(summary, json_file)
    return code


def _run(command: tuple[str, ...], options: GatewayOptions, held: Held) -> tuple[int, Summary]:
    from hanse.app_gateway import Gateway, listen
    from hanse.jobs.child import started

    with closing(listen(0)) as listener:
        gateway = Gateway(options, listener, _secret(), say)
        gateway.audit(held)
        # The program is started first: both load their libraries at the same time, and its first request waits in the socket.
        with started(command, gateway.env) as child, gateway.running(held):
            code = child.wait()
        return code, gateway.summary()


def _secret() -> str:
    from hanse.flows.gateway.state import new_secret

    return new_secret()


def _tell(summary: Summary, json_file: Path | None) -> None:
    from hanse.flows.gateway.session import one_line

    say(one_line(summary))
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(summary.to_json(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"cannot write {json_file}: {error.strerror}") from error
