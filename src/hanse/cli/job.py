"""`hanse job`: evaluations that a node is asked to make, in a queue that several workers share."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from hanse.cli.admin import Json, Where, settings_of
from hanse.cli.evaluating import Shown
from hanse.errors import InputError

if TYPE_CHECKING:
    from hanse.evals.cost import Price
    from hanse.evals.engine import Engine
    from hanse.flows.evaluate.subject import Subject

app = App(name="job", help="Evaluations that a node is to make, and who makes them.", default_parameter=Parameter(negative=()))
FOLDER = "evaluations"
_IDLE_SECONDS = 5.0
AtNode = Annotated[str, Parameter(name="--node", help="Address of a node that is asked, as who is logged in there.")]
Number = Annotated[int, Parameter(name="number", help="Number of the job.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Costs:
    """What a job may cost, at which prices, in a currency of yours."""

    max_cost: Annotated[float, Parameter(help="Cost at which the job ends; 0 for no bound.")] = 0.0
    price_per_hour: Annotated[float, Parameter(help="What an hour of running costs.")] = 0.0
    price_per_million: Annotated[float, Parameter(help="What a million tokens of answers cost.")] = 0.0

    def exact(self) -> tuple[int, Price]:
        """Return bound and prices in millionths; raises InputError."""
        from hanse.evals.cost import Price, millionths

        price = Price(millionths(self.price_per_hour, "a price"), millionths(self.price_per_million, "a price"))
        return millionths(self.max_cost, "a bound of cost"), price


@app.command
def add(
    name: Annotated[str, Parameter(name="name", help="NAMESPACE/NAME@REVISION, as this node has it; default main.")],
    /,
    *,
    suite: Annotated[str, Parameter(help="Name of a suite (hanse suite list), or datasets/NAMESPACE/NAME@REV of this node.")],
    max_seconds: Annotated[int, Parameter(help="Seconds of running, all workers together; 0 for no bound.")] = 0,
    max_tokens: Annotated[int, Parameter(help="Tokens of answers; 0 for no bound.")] = 0,
    costs: Costs | None = None,
    table: Annotated[Shown, Parameter(help="Who may fetch the item table.")] = "member",
    transcript: Annotated[Shown, Parameter(help="Who may fetch prompts and answers.")] = "member",
    where: Where | None = None,
) -> None:
    """Queue an evaluation of a revision; its record is logged as this node's statement.

    What is queued already is not queued again.
    """
    from hanse.cli.upkeep import tended
    from hanse.flows import access
    from hanse.flows.evaluations.kept import Shown as Tiers
    from hanse.flows.evaluations.queue import Asked, submit, to_json
    from hanse.flows.evaluations.worker import OPERATOR
    from hanse.model.repo import RepoType
    from hanse.model.tier import Tier

    path, _, revision = name.partition("@")
    most, price = (costs or Costs()).exact()
    asked = Asked(max_seconds, max_tokens, most, price, Tiers(Tier(table), Tier(transcript)))
    with tended(settings_of(where)) as node:
        repo = access.find_typed(node, OPERATOR, RepoType.MODEL, path)
        job = submit(node, repo, revision or "main", suite, asked)
    print(json.dumps(to_json(job, repo)))


@app.command(name="list")
def list_(*, node: AtNode = "", as_json: Json = False, where: Where | None = None) -> None:
    """List the newest jobs with how far they are; with --node those there that you asked for, or all if you operate it."""
    from hanse.cli.printable import clean

    found = _listed(node, where)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for one in found:
        far = f"{one['done']:,} of {one['planned']:,} answers" if one["planned"] else "not begun"
        says = f": {clean(one['says'])}" if one["says"] else ""
        print(f"{one['id']:5} {clean(one['state']):9} {clean(one['name'])}@{one['rev'][:12]} {clean(one['suite'])}, {far}{says}")


def _listed(node: str, where: Where | None) -> list[dict[str, Any]]:
    if node:
        from hanse.cli.expected import JOB, expected
        from hanse.cli.remote import ask, node_address

        found: list[dict[str, Any]] = expected(ask("GET", f"{node_address(node)}/v1/evaluation-jobs"), [JOB], "jobs")
        return found
    from hanse.cli.upkeep import tended
    from hanse.flows.evaluations.queue import listed

    with tended(settings_of(where)) as own:
        return listed(own)


@app.command
def cancel(number: Number, /, *, node: AtNode = "", where: Where | None = None) -> None:
    """Call a job off. A worker that runs it stops within a quarter of a minute; its answers so far stay in its folder."""
    if node:
        from hanse.cli.remote import ask, node_address

        ask("DELETE", f"{node_address(node)}/v1/evaluation-jobs/{number}")
        return
    from hanse.cli.upkeep import tended
    from hanse.flows.evaluations.queue import cancel as call_off

    with tended(settings_of(where)) as own:
        call_off(own, number)


@app.command
def work(
    *,
    once: Annotated[bool, Parameter(help="End when no job is left, instead of waiting for the next.")] = False,
    engine: Annotated[Literal["xllamacpp", "transformers"], Parameter(help="Engine of this worker.")] = "xllamacpp",
    python: Annotated[str, Parameter(help="Interpreter of the environment that has the engine.")] = "",
    threads: Annotated[int, Parameter(help="Threads of computing.")] = 1,
    context: Annotated[int, Parameter(help="Tokens of context.")] = 4096,
    where: Where | None = None,
) -> None:
    """Run the jobs of a node, one after the other. Several workers may run beside each other and beside the node.

    A worker that is killed loses nothing but its last answer: after a minute another one, or the next start, goes on from there.
    """
    from hanse.cli.upkeep import tended
    from hanse.flows.evaluations.worker import Worker

    if not 0 < threads <= 1024 or not 0 < context <= 2**20:
        raise InputError("an engine runs with 1 to 1,024 threads and 1 to 1,048,576 tokens of context")

    def start(subject: Subject) -> Engine:
        from hanse.jobs.engine import EngineLimits, LocalEngine

        if subject.file is None:
            raise InputError("the revision has no weights that an engine loads")
        return LocalEngine(engine, subject.file, EngineLimits(threads, context), python)

    settings = settings_of(where)
    with _stopped_by_signals() as stopping, tended(settings) as node:
        worker = Worker(node, Path(settings.data) / FOLDER, start, f"{socket.gethostname()[:40]}:{os.getpid()}")
        while not stopping.is_set():
            job = worker.step(stopping.is_set)
            if job is not None:
                _say(job.id, job.state, job.says)
            elif once or stopping.wait(_IDLE_SECONDS):
                return


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Give what is set when somebody ends this process kindly: the job is left for the next worker."""
    stopping = threading.Event()
    before = {one: signal.signal(one, lambda *_: stopping.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _say(number: int, state: str, says: str) -> None:
    from hanse.cli.printable import clean

    print(f"job {number}: {state}{f', {clean(says)}' if says else ''}", file=sys.stderr, flush=True)
