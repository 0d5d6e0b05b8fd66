"""`hanse evaluate`: run a suite on a model, on this machine or behind an address, and keep a record that others can check."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hanse.cli.driving import Driving, run_harness
from hanse.cli.evaluating import (
    Asking,
    Carding,
    Json,
    Running,
    engine_of,
    named,
    record_text,
    signer_of,
    suite_of,
    with_corrected,
)
from hanse.cli.usage import WrongUsage

if TYPE_CHECKING:
    from hanse.evals.cost import Price
    from hanse.evals.engine import Engine
    from hanse.evals.suite import Suite
    from hanse.flows.evaluate.run import Order, Told
    from hanse.model.repo import Origin


def evaluate(
    target: Annotated[str, Parameter(help="FOLDER with a GGUF file, or NAMESPACE/NAME[@REVISION] to pull.")] = "",
    /,
    *,
    suite: Annotated[str, Parameter(help="Name of a suite (hanse suite list), its folder, or datasets/NAMESPACE/NAME@REV.")] = "",
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
        raise WrongUsage("what is run is either a suite or a task of a harness", hint="--suite NAME")
    if harness.harness and (priced != Carding() or asked.on):
        raise WrongUsage("a harness runs on this machine, without a run card and prices", hint="--max-tokens and --max-seconds")
    if asked.on:
        from hanse.cli.evaluate_on import evaluate_on

        return evaluate_on((target, suite), to, chosen, priced, asked, as_json=as_json)
    if asked != Asking():
        raise WrongUsage("--detach, --table and --transcript are for an evaluation on a node", hint="--on URL")
    if harness.harness:
        record = run_harness(target, to, chosen, harness)
    else:
        record = run_suite(target, suite_of(suite), to, chosen, priced)
    print(json.dumps(with_corrected(record, to), indent=2, ensure_ascii=False) if as_json else record_text(record, to))
    return 0


def run_suite(target: str, suite: Suite, to: Path, chosen: Running, carding: Carding | None = None) -> dict[str, Any]:
    """Run a suite, or what is left of it, and return what the record says."""
    from hanse.cli.attested import bound_to
    from hanse.flows.evaluate.run import Order, RunLimits, evaluate
    from hanse.model.repo import parse_origin

    evaluator: Origin = parse_origin(chosen.evaluator)
    limits = RunLimits(chosen.max_seconds, chosen.max_tokens, *_cost(carding or Carding()))
    carded = carding is not None and carding.run_card
    if carded and chosen.api:
        raise WrongUsage("a run card is of an engine on this machine", hint="--api asks another one")
    found = named(target, chosen)
    order = Order(suite, found.subject, to, evaluator, signer_of(chosen.key), limits, found.digests)
    if chosen.api and target:
        with bound_to(found, order, chosen) as (bound, engine):
            return evaluate(bound, engine, _Shown(order)).predicate()
    with engine_of(found.subject, chosen) as engine:
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
        speed = f", {told.tokens / max(now - self._began, 1e-3):.1f} tokens/s" if told.tokens else ""
        line = f"{self._name}: {told.done:,} of {told.planned:,} answers, {told.errors:,} errors{speed}"
        if not sys.stderr.isatty():
            print(line, file=sys.stderr, flush=True)
            return
        end = "\n" if told.done == told.planned else ""
        print(f"\r{line}", end=f"\x1b[K{end}", file=sys.stderr, flush=True)
