"""`hanse evaluate`: run a suite on a model, on this machine or behind an address, and keep a record that others can check."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from hanse.cli.driving import Driving, run_harness
from hanse.errors import BadSetting, InputError

if TYPE_CHECKING:
    from hanse.evals.cost import Price
    from hanse.evals.engine import Engine
    from hanse.evals.suite import Suite
    from hanse.flows.evaluate.run import Order, Told
    from hanse.flows.evaluate.subject import Subject
    from hanse.model.repo import Origin

EVALUATOR = "unnamed.invalid"
_MAX_KEY = 4096
Shown = Literal["public", "federation", "member"]
Json = Annotated[bool, Parameter(name="--json", help="Print one JSON object.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Running:
    """What runs the model, and who says so."""

    api: Annotated[str, Parameter(help="Address that speaks the OpenAI form, instead of an engine here.")] = ""
    model: Annotated[str, Parameter(help="What the model is called at that address.")] = ""
    api_key_file: Annotated[Path | None, Parameter(help="File with the key for it; default HANSE_API_KEY.")] = None
    engine: Annotated[Literal["xllamacpp", "transformers"], Parameter(help="Engine for weights on this machine.")] = "xllamacpp"
    python: Annotated[str, Parameter(help="Interpreter of the environment that has the engine.")] = ""
    threads: Annotated[int, Parameter(help="Threads of computing.")] = 1
    context: Annotated[int, Parameter(help="Tokens of context.")] = 4096
    key: Annotated[str, Parameter(help="Your private key, as for hanse sign; without one the record is not signed.")] = ""
    evaluator: Annotated[str, Parameter(name="--as", help="Origin of your institution.")] = EVALUATOR
    max_seconds: Annotated[float, Parameter(help="Stop after so long; the same command goes on.")] = 0.0
    max_tokens: Annotated[int, Parameter(help="Stop after so many tokens; the same command goes on.")] = 0


@Parameter(name="*")
@dataclass(frozen=True)
class Carding:
    """Whether a run card is written, and what a run costs."""

    run_card: Annotated[bool, Parameter(help="Write a run card: speed, memory, energy, cost.")] = False
    price_per_hour: Annotated[float | None, Parameter(help="What an hour of this machine costs, in your currency.")] = None
    price_per_million: Annotated[float | None, Parameter(help="What a million tokens of answers cost.")] = None
    max_cost: Annotated[float, Parameter(help="Stop there, at these prices; the same command goes on.")] = 0.0
    anchor: Annotated[str, Parameter(help="Interpreter with xllamacpp, for the card's anchor sample.")] = ""


@Parameter(name="*")
@dataclass(frozen=True)
class Asking:
    """Which node makes the evaluation instead of this machine, and whom it shows what lies behind the record."""

    on: Annotated[str, Parameter(help="Address of a node that is to make it; see hanse login.")] = ""
    detach: Annotated[bool, Parameter(help="With --on: do not wait; the same command waits later.")] = False
    table: Annotated[Shown, Parameter(help="With --on: who may fetch the item table.")] = "member"
    transcript: Annotated[Shown, Parameter(help="With --on: who may fetch prompts and answers.")] = "member"


def evaluate(
    target: Annotated[str, Parameter(help="FOLDER with a GGUF file, or NAMESPACE/NAME[@REVISION] to pull.")] = "",
    /,
    *,
    suite: Annotated[str, Parameter(help="Name of a suite (hanse suite list), or its folder.")] = "",
    to: Annotated[Path, Parameter(help="Folder of the run; the same command goes on with a run that was stopped.")],
    running: Running | None = None,
    carding: Carding | None = None,
    asking: Asking | None = None,
    driving: Driving | None = None,
    as_json: Json = False,
) -> int:
    """Run a suite on a model and write a record of it, which anybody can check and run again.

    No network is used but the address that is given, and what pulling a model needs. Prompts and answers stay in the folder. With
    --on a node makes it: it logs the record as its own statement, and the result is fetched into the folder.
    """
    chosen, priced, asked = running or Running(), carding or Carding(), asking or Asking()
    harness = driving or Driving()
    if bool(suite) == bool(harness.harness):
        raise InputError("what is run is either a suite or a task of a harness", hint="--suite NAME")
    if harness.harness and (priced != Carding() or asked.on):
        raise InputError("a harness runs on this machine, without a run card and prices", hint="--max-tokens and --max-seconds")
    if asked.on:
        from hanse.cli.evaluate_on import evaluate_on

        return evaluate_on((target, suite), to, chosen, priced, asked, as_json=as_json)
    if asked != Asking():
        raise InputError("--detach, --table and --transcript are for an evaluation on a node", hint="--on URL")
    if harness.harness:
        record = run_harness(target, to, chosen, harness)
    else:
        from hanse.flows.suites.find import find_suite

        record = run_suite(target, find_suite(suite), to, chosen, priced)
    print(json.dumps(record, indent=2, ensure_ascii=False) if as_json else record_text(record, to))
    return 0


def run_suite(target: str, suite: Suite, to: Path, chosen: Running, carding: Carding | None = None) -> dict[str, Any]:
    """Run a suite, or what is left of it, and return what the record says."""
    from hanse.flows.evaluate.run import Order, RunLimits, evaluate
    from hanse.model.repo import parse_origin

    evaluator: Origin = parse_origin(chosen.evaluator)
    subject, digests = subject_of(target, chosen)
    limits = RunLimits(chosen.max_seconds, chosen.max_tokens, *_cost(carding or Carding()))
    order = Order(suite, subject, to, evaluator, signer_of(chosen.key), limits, digests)
    carded = carding is not None and carding.run_card
    if carded and chosen.api:
        raise InputError("a run card is of an engine on this machine", hint="--api asks another one")
    with engine_of(subject, chosen) as engine:
        if carding is None or not carded:
            return evaluate(order, engine, _Shown(order)).predicate()
        return _carded(order, engine, carding)


def _cost(carding: Carding) -> tuple[int, Price]:
    """Return a bound of cost in millionths, and the prices; raises InputError for a bound without a price."""
    from hanse.evals.cost import Price, check_bound, millionths

    hour, million = (millionths(one or 0.0, "a price") for one in (carding.price_per_hour, carding.price_per_million))
    most, price = millionths(carding.max_cost, "a bound of cost"), Price(hour, million)
    check_bound(most, price)
    return most, price


def _carded(order: Order, engine: Engine, carding: Carding) -> dict[str, Any]:
    """Run a suite while the meters count, and write the run card beside the record."""
    from hanse.flows.evaluate.run import evaluate
    from hanse.flows.evaluate.runcard import anchor_of, write_card
    from hanse.flows.evaluate.runfolder import read_run
    from hanse.jobs.energy import Meter
    from hanse.jobs.engine import EngineLimits, LocalEngine

    assert isinstance(engine, LocalEngine)
    assert order.subject.file is not None
    meter = Meter()
    record = evaluate(order, engine, _Shown(order))
    joules, usage, read = meter.joules(), engine.usage(), read_run(order.folder)
    reference = LocalEngine("xllamacpp", order.subject.file, EngineLimits(), carding.anchor) if carding.anchor else None
    try:
        anchor = anchor_of(read, reference)
    finally:
        if reference is not None:
            reference.close()
    price = carding.price_per_hour
    write_card(order.folder, read, usage, joules, price_per_hour=price, anchor=anchor, signer=order.signer)
    return record.predicate()


def subject_of(target: str, chosen: Running) -> tuple[Subject, dict[str, str]]:
    """Return the model that is named, and further digests of it; raises InputError if nothing names one."""
    from hanse.flows.evaluate.subject import claimed, of_endpoint, of_folder

    if bool(chosen.api) != bool(chosen.model):
        raise InputError("an address needs a model's name, and the other way round", hint="--api URL --model NAME")
    if not target:
        if not chosen.api:
            raise InputError("no model is named", hint="give a folder, NAMESPACE/NAME, or --api URL --model NAME")
        return of_endpoint(chosen.api, chosen.model), {}
    if Path(target).exists():
        found, digests = of_folder(Path(target)), dict[str, str]()
    else:
        found, digests = _pulled(target)
    return (claimed(found) if chosen.api else found), digests


def _pulled(target: str) -> tuple[Subject, dict[str, str]]:
    """Pull a revision and return it, hashed once more from where the engine reads it."""
    from hanse.cli.pull import pull_verified
    from hanse.errors import VerificationFailed
    from hanse.flows.evaluate.subject import of_folder

    pulled = pull_verified(target)
    one = pulled.receipt
    found = of_folder(pulled.path, f"{one.repo.path}@{one.rev}")
    if one.tree and found.tree != one.tree:
        raise VerificationFailed(f"{pulled.path} holds the tree {found.tree}, the revision has {one.tree}")
    return found, {"gitCommit": one.rev}


def signer_of(key: str) -> Any:
    """Return the signer of a key that a person names, None for none."""
    from hanse.cli.sign import passphrase

    if not key:
        return None
    from hanse.keys.custody import open_signer

    return open_signer(key, passphrase())


@contextmanager
def engine_of(subject: Subject, chosen: Running) -> Iterator[Engine]:
    """Give what runs a model, which is ended at the end."""
    from hanse.jobs.engine import EngineLimits, LocalEngine
    from hanse.peers.openai import Endpoint

    engine: Engine
    if chosen.api:
        engine = Endpoint(chosen.api, chosen.model, key=_api_key(chosen.api_key_file))
    else:
        if subject.file is None or not 0 < chosen.threads <= 1024 or not 0 < chosen.context <= 2**20:
            raise InputError("an engine runs with 1 to 1,024 threads and 1 to 1,048,576 tokens of context")
        engine = LocalEngine(chosen.engine, subject.file, EngineLimits(chosen.threads, chosen.context), chosen.python)
    try:
        yield engine
    finally:
        engine.close()


def _api_key(file: Path | None) -> str:
    from hanse.flows.bounded import read_bounded

    if file is None:
        return os.environ.get("HANSE_API_KEY", "").strip()
    try:
        return read_bounded(file, _MAX_KEY).decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise BadSetting(f"{file} holds no key: it is not ASCII text") from error


class _Shown:
    """Shows on standard error how far a run is: on a terminal always, else now and then."""

    def __init__(self, order: Order) -> None:
        self._name = order.suite.name
        self._every = 0.3 if sys.stderr.isatty() else 10.0
        self._began = self._at = time.monotonic()

    def __call__(self, told: Told) -> None:
        """Show it."""
        now = time.monotonic()
        if now - self._at < self._every and told.done < told.planned:
            return
        self._at = now
        speed = told.tokens / max(now - self._began, 1e-3)
        line = f"{self._name}: {told.done:,} of {told.planned:,} answers, {told.errors:,} errors, {speed:.1f} tokens/s"
        if not sys.stderr.isatty():
            print(line, file=sys.stderr, flush=True)
            return
        end = "\n" if told.done == told.planned else ""
        print(f"\r{line}", end=f"\x1b[K{end}", file=sys.stderr, flush=True)


def record_text(record: dict[str, Any], to: Path) -> str:
    """Return what a record says, for a person."""
    from hanse.cli.verified import clean, rows

    score, counts = record["score"], record["counts"]
    flat = "; within one item of 0 or 1: agreement alone says nothing" if score["degenerate"] else ""
    lines = [f"score: {score['value']}, 95 % interval {score['low']} to {score['high']}, {score['n']} items{flat}"]
    lines += rows("model", [f"{clean(record['model']['name'])}, weights {record['model']['weights']}"])
    ended = ", ".join(f"{count} {name}" for name, count in counts.items() if count and name != "total")
    lines += rows("ended", [ended])
    lines += rows("record", [str(to / "record.json")])
    return "\n".join(lines)
