"""`hanse run`: a program whose Hugging Face clients get only verified bytes that a policy lets pass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hanse.cli.gateway_flags import NodeFlag, OfflineFlag, PolicyFlag, SizeFlag, StoreFlag, UpstreamFlag
from hanse.cli.plain import RunOptions
from hanse.cli.running import run_program
from hanse.cli.usage import WrongUsage


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
        raise WrongUsage("there is nothing to run", hint="hanse run -- python app.py")
    if command[0].startswith("-"):
        raise WrongUsage(f"hanse run has no option {command[0][:200]!r}", hint="hanse run --help; hanse run -- python app.py")
    return run_program(RunOptions(command, policy, tuple(node or ()), upstream, offline, store, cache_size, json_file))
