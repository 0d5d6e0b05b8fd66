"""`hanse import`: what another node exported, taken in on a machine that may have no network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hanse.cli.admin import Json, Where
from hanse.cli.inplace import clear
from hanse.clock import SystemClock

if TYPE_CHECKING:
    from hanse.flows.leaving.importing import Imported, Refused
    from hanse.flows.leaving.taking_logs import TakenLog


def import_(
    path: Annotated[Path, Parameter(help="Folder or archive that `hanse export` wrote.")],
    /,
    *repos: Annotated[str, Parameter(help="[datasets/][ORIGIN/]NAMESPACE/NAME; all if none is named.")],
    policy: Annotated[str | None, Parameter(help="Policy that revisions have to meet: a preset, a name, or a file.")] = None,
    log: Annotated[
        list[str] | None, Parameter(help="Key of a log, as its operator tells it: its log is taken in and cosigned, too.")
    ] = None,
    as_json: Json = False,
    where: Where | None = None,
) -> int:
    """Take in an export: every revision verified, checked, scanned, and served from then on as a mirror of its origin.

    Uses no network. Works on the node's data folder and may run while the node serves. Interrupted or killed, the same command
    goes on where it was. Exits with 1 if a revision was refused; the others are taken in.
    """
    from hanse.cli.mirror import options
    from hanse.cli.taking import opened, stopping
    from hanse.flows.foreign.keep import keep_evidence
    from hanse.flows.leaving.importing import Refused, import_export
    from hanse.flows.leaving.sources import open_export
    from hanse.flows.leaving.taking_logs import add_logs, take_logs
    from hanse.flows.policies import load_policy
    from hanse.flows.verify_folder import Verifying
    from hanse.home import home_folder

    home = home_folder(os.environ)
    verifying = Verifying(load_policy(policy, home), home, SystemClock().now())
    refused = 0
    with open_export(path) as source, opened(where) as node, stopping() as stop:
        add_logs(node, log or (), verifying.roots.logs)
        for taken in take_logs(node, source):
            _tell_log(taken, as_json=as_json)
        for one in import_export(node, source, verifying, repos, keep=keep_evidence, options=options(stop, lambda _pin: None)):
            refused += isinstance(one, Refused)
            clear()
            print(json.dumps(_facts(one)) if as_json else _sentence(one), flush=True)
    return 1 if refused else 0


def _tell_log(one: TakenLog, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"log": one.origin, "size": one.size, "says": one.says}), flush=True)
    else:
        print(f"log {one.origin}: {one.size:,} leaves held{f'; {one.says}' if one.says else ''}", flush=True)


def _facts(one: Imported | Refused) -> dict[str, Any]:
    from hanse.flows.leaving.importing import Refused

    found: dict[str, Any] = {"repo": str(one.repo), "rev": one.rev}
    if isinstance(one, Refused):
        return found | {"error": one.error.code, "message": one.error.message}
    found |= {"tree": one.tree, "files": one.files, "bytes": one.bytes, "rung": one.rung.value}
    return found | {"refs": list(one.refs), "address": one.address}


def _sentence(one: Imported | Refused) -> str:
    from hanse.flows.leaving.importing import Refused

    if isinstance(one, Refused):
        return f"{one.repo}@{one.rev[:12]}: REFUSED, {one.error.code}: {one.error.message}"
    named = f", {', '.join(one.refs)}" if one.refs else ""
    size = f"{one.files} files, {one.bytes:,} bytes"
    return f"{one.repo}@{one.rev[:12]}{named}: {size}, {one.rung.value}; here as {one.address}"
