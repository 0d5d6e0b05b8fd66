"""`hanse evaluate --on`: a node makes the evaluation; this machine asks for it, shows how far it is, and fetches the result."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hanse.cli.evaluating import Asking, Carding, Running, record_text, with_corrected
from hanse.cli.expected import JOB, SHOWN_FILES, expected
from hanse.cli.remote import ask, fetch, node_address, split_name
from hanse.cli.usage import WrongUsage
from hanse.errors import HanseError, InputError, PeerError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

TICKET = "job.json"
_OPEN = ("waiting", "running")
_LONGEST_WAIT = 5.0
_PATIENCE = 60
"""Answers in a row that may fail before a wait ends; the job goes on."""


def evaluate_on(
    model: tuple[str, str], to: Path, chosen: Running, priced: Carding, asked: Asking, *, as_json: bool = False
) -> int:
    """Ask a node for an evaluation, or go on waiting for the one that this folder is for; returns the exit code.

    model: the revision's name and that of the suite.

    Raises WrongUsage for flags of a run on this machine, and what the node refuses.
    """
    from hanse.model.digest import parse_sha256

    if replace(chosen, max_seconds=0.0, max_tokens=0) != Running() or priced.run_card or priced.anchor:
        raise WrongUsage(
            "how a node runs a model is its operator's to say", hint="leave out the flags of engine, address and key"
        )
    (target, suite), node = model, node_address(asked.on)
    job = _begun(node, to) or _submit(node, target, suite, to, _terms(suite, chosen, priced, asked))
    if asked.detach:
        print(json.dumps(job, indent=2) if as_json else _line(job))
        return 0
    job = watch(node, job)
    if job["state"] != "done":
        raise PeerError(
            f"job {job['id']} at {node} is {job['state']}: {job['says']}"[:1000], hint="remove the folder to ask again"
        )
    where = f"{node}/api/models/{quote(job['name'])}/evaluations/{quote(job['rev'], safe='')}"
    record = fetch_record(f"{where}/{parse_sha256(job['record'] or '')}", to, fetch)
    print(json.dumps(with_corrected(record, to), indent=2, ensure_ascii=False) if as_json else record_text(record, to))
    return 0


def _terms(suite: str, chosen: Running, priced: Carding, asked: Asking) -> dict[str, Any]:
    terms: dict[str, Any] = {"suite": suite, "maxSeconds": round(chosen.max_seconds), "maxTokens": chosen.max_tokens}
    terms |= {"maxCost": priced.max_cost, "pricePerHour": priced.price_per_hour or 0.0}
    return terms | {"pricePerMillion": priced.price_per_million or 0.0, "table": asked.table, "transcript": asked.transcript}


def _submit(node: str, target: str, suite: str, to: Path, terms: dict[str, Any]) -> dict[str, Any]:
    from hanse.flows.evaluate.runfolder import put
    from hanse.store.durable import make_directory, storage_errors
    from hanse.store.outfile import require_writable

    if not target:
        raise WrongUsage("a node runs NAMESPACE/NAME, as it has it", hint="hanse evaluate NAMESPACE/NAME@REV --on URL")
    if "/" in suite and not suite.startswith("datasets/"):
        raise InputError(
            "a node runs a suite that ships, or one in a public dataset of its own, not a folder of this machine",
            hint="hf upload NAMESPACE/NAME FOLDER --repo-type dataset, then --suite datasets/NAMESPACE/NAME@main",
        )
    path, rev = split_name(target)
    require_writable(to / TICKET, folders=True)
    answer = ask("POST", f"{node}/api/{path}/evaluations/{quote(rev, safe='')}", terms)
    job: dict[str, Any] = expected(answer, JOB, "a job")
    with storage_errors(f"make {to}"):
        make_directory(to, 0o700)
    put(to / TICKET, json.dumps({"node": node, "id": job["id"]}).encode())
    return job


def _begun(node: str, to: Path) -> dict[str, Any] | None:
    """Return the job that was asked for with this folder, as it is now; raises InputError if that was another node's."""
    from hanse.flows.bounded import read_bounded
    from hanse.model.strictjson import parse_strict

    if not (to / TICKET).exists():
        return None
    said = parse_strict(read_bounded(to / TICKET, 4096), "the ticket of a job", 4096)
    number = said.get("id")
    if said.get("node") != node or type(number) is not int:
        raise InputError(f"{to} is for an evaluation on {str(said.get('node'))[:200]}", hint="choose another folder")
    return _look(node, number)


def _look(node: str, number: int) -> dict[str, Any]:
    found: dict[str, Any] = expected(ask("GET", f"{node}/v1/evaluation-jobs/{number}"), JOB, "a job")
    return found


def watch(node: str, job: dict[str, Any]) -> dict[str, Any]:
    """Wait until a job has ended and return it; shows how far it is. A node that is away for a while is waited for."""
    pause, failed, shown = 0.2, 0, ""
    try:
        while job["state"] in _OPEN:
            shown = _show(job, shown)
            time.sleep(pause)
            pause = min(_LONGEST_WAIT, pause * 1.5)
            try:
                job, failed = _look(node, job["id"]), 0
            except PeerError:
                failed += 1
                if failed >= _PATIENCE:
                    raise
    except KeyboardInterrupt:
        print(f"\njob {job['id']} goes on; hanse job cancel {job['id']} --node {node} calls it off", file=sys.stderr)
        raise
    _show(job, shown)
    return job


def _show(job: dict[str, Any], before: str) -> str:
    line = _line(job)
    if line != before:
        print(line, file=sys.stderr, flush=True)
    return line


def _line(job: dict[str, Any]) -> str:
    from hanse.cli.printable import clean

    far = f", {job['done']:,} of {job['planned']:,} answers, {job['tokens']:,} tokens" if job["planned"] else ""
    cost = f", cost {job['cost']:.2f}" if job["cost"] else ""
    says = f": {clean(job['says'])}" if job["says"] and job["state"] != "done" else ""
    return f"job {job['id']} {clean(job['state'])}, {clean(job['suite'])} on {clean(job['name'])}{far}{cost}{says}"


def fetch_record(address: str, to: Path, get: Callable[[str, str], bytes]) -> dict[str, Any]:
    """Fetch the files of a record into a folder, those that are shown to the caller, and return what the record says.

    If its table is there all is checked as a run that was passed on by hand (V0). Raises what the node refuses, BadFormat, or
    VerificationFailed if numbers do not follow.
    """
    from hanse.evals.record import parse_record
    from hanse.flows.evaluate.runfolder import RECORD, TABLE, TRANSCRIPT, put, read_run, read_statement
    from hanse.flows.evaluations.kept import FILES
    from hanse.flows.suites.folder import ITEMS
    from hanse.store.durable import make_directory, storage_errors

    with storage_errors(f"make {to}"):
        make_directory(to, 0o700)
    offered = expected(ask("GET", address), SHOWN_FILES, "the files of a record")
    for name in (one for one in FILES if one in offered):
        try:
            put(to / name, get("GET", f"{address}/{name}"), 0o600 if name in (TRANSCRIPT, ITEMS) else 0o644)
        except HanseError as error:
            if offered[name] == "public" or name == RECORD:
                raise
            print(f"not fetched: {name}, {error.message}", file=sys.stderr)
    whole = (to / TABLE).exists() and (to / ITEMS).exists()
    record = read_run(to).record if whole else parse_record(read_statement(to)[0].predicate)
    if record.digest != address.rpartition("/")[2]:
        raise VerificationFailed(f"the record that was sent is {record.digest}, another than was asked for")
    return record.predicate()
