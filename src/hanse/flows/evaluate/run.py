"""Running a suite on a model.

1. What is to be run is fixed: suite, model, and the engine as it was observed after loading. The journal is of that, or refuses.
2. Items that have no answer yet are asked, one after the other, in the suite's order. Every answer goes into the journal.
3. An engine that cannot go on ends the run; what was answered stays, and the same command goes on. Limits and Ctrl-C likewise.
4. From the journal follow transcript, item table and record; the record is signed, and written last.

A crash before 4 is complete leaves a journal, and no record.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hanse import __version__
from hanse.errors import Busy, EngineFailed, PeerError, PeerRefused
from hanse.evals.cost import Price
from hanse.evals.engine import Answer, Ask, Engine, Observed
from hanse.evals.fixed import fixed
from hanse.evals.itemtable import Status
from hanse.evals.record import EVALUATION, Record, make_record
from hanse.evals.scorers.registry import score, scorer_of
from hanse.evals.suite import Suite
from hanse.evals.transcript import Spoken, table_of
from hanse.flows.evaluate.journal import Journal
from hanse.flows.evaluate.runfolder import JOURNAL, keep_suite, write_result
from hanse.flows.evaluate.subject import Subject
from hanse.model.publickey import Signer
from hanse.model.repo import Origin
from hanse.sign import statement as statements
from hanse.sign.bundle import make_bundle
from hanse.sign.statement import Statement

MAX_FAILED = 3
"""Failures in a row after which a run stops: the server is not there."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """When a run stops, to be resumed by the same command. seconds, tokens, cost: of this call; 0: no bound.

    cost: in millionths, at `price`.
    """

    seconds: float = 0.0
    tokens: int = 0
    cost: int = 0
    price: Price = field(default_factory=Price)

    def reached(self, seconds: float, tokens: int) -> bool:
        """Tell whether a run of so many seconds and tokens is at one of them."""
        late = self.seconds > 0 and seconds > self.seconds
        long = self.tokens > 0 and tokens >= self.tokens
        return late or long or (self.cost > 0 and self.price.cost(seconds, tokens) >= self.cost)


@dataclass(slots=True)
class Told:
    """How far a run is. planned, done: answers; tokens: that came in this call; errors: answers that are errors."""

    planned: int
    done: int = 0
    tokens: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """What is run where.

    evaluator: the institution; signer: None leaves the record unsigned; digests: further ones of the model, as of its commit;
    attested: what a record says of the attestation that the answers come under, empty where nothing is attested.
    """

    suite: Suite
    subject: Subject
    folder: Path
    evaluator: Origin
    signer: Signer | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    digests: dict[str, str] = field(default_factory=dict)
    attested: dict[str, str] = field(default_factory=dict)


def evaluate(
    order: Order,
    engine: Engine,
    tell: Callable[[Told], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Record:
    """Run a suite, or what is left of it, and return its record.

    Raises Busy if it was stopped or reached a limit; PeerError (EngineFailed too) if the engine cannot go on; Conflict for a
    folder with another run; StorageError; BadFormat if nothing was scored.
    """
    # 1. What is run.
    scorer_of(order.suite)
    observed = engine.observed()
    keep_suite(order.folder, order.suite)
    journal = Journal(order.folder / JOURNAL, _plan(order, observed))
    try:
        # 2. and 3. Ask.
        wall, cpu = time.monotonic(), time.process_time()
        told = _ask_all(order, engine, journal, tell, stopping)
        spent = {"wall": fixed(time.monotonic() - wall), "driver": fixed(time.process_time() - cpu)}
        journal.flush()
        # 4. The record.
        return _finish(order, observed, journal, spent | {"tokens": fixed(told.tokens)})
    finally:
        journal.close()


def _plan(order: Order, observed: Observed) -> dict[str, Any]:
    one = order.subject
    model = {"tree": one.tree, "name": one.name, "weights": one.weights.value}
    if order.attested:  # answers under another member's key are no part of this run
        model["attestedKey"] = order.attested["attestedKey"]
    return {"suite": order.suite.digest, "model": model, "numerics": dict(observed.numerics)}


def _ask_all(order: Order, engine: Engine, journal: Journal, tell: Callable[[Told], None], stopping: Callable[[], bool]) -> Told:
    suite = order.suite
    wanted = [(item, epoch) for epoch in range(suite.epochs) for item in suite.items]
    left = [(item, epoch) for item, epoch in wanted if _open(journal.answers.get((item.id, epoch)))]
    told = Told(len(wanted), len(wanted) - len(left))
    began = time.monotonic()
    asking = _Patient(engine)
    for item, epoch in left:
        if stopping() or order.limits.reached(time.monotonic() - began, told.tokens):
            raise Busy(f"stopped after {told.done} of {told.planned} answers", hint="the same command goes on from here")
        answer = asking.answer(Ask(item, epoch, suite.request, suite.decoding))
        journal.append(Spoken(item.id, epoch, answer, secrets.token_hex(16)))
        told.done, told.tokens = told.done + 1, told.tokens + answer.count
        told.errors += answer.status in {Status.MODEL_ERROR, Status.INFRA_ERROR}
        tell(told)
    return told


def _open(known: Spoken | None) -> bool:
    """Tell whether an item is still to be asked: one that failed through no fault of the model's is asked again."""
    return known is None or known.answer.status is Status.INFRA_ERROR


class _Patient:
    """An engine whose failures to answer are errors of single items, unless they follow each other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._row = 0

    def answer(self, ask: Ask) -> Answer:
        """Return the answer, or that there is none through no fault of the model's; raises PeerError after `MAX_FAILED`."""
        try:
            answer = self._engine.answer(ask)
        except (EngineFailed, PeerRefused):
            raise
        except PeerError as error:
            self._row += 1
            if self._row >= MAX_FAILED:
                raise
            return Answer(Status.INFRA_ERROR, "", "", says=error.message)
        self._row = 0
        return answer


def _finish(order: Order, observed: Observed, journal: Journal, timing: dict[str, str]) -> Record:
    suite, subject = order.suite, order.subject
    spoken = sorted(journal.answers.values(), key=lambda one: (one.item, one.epoch))
    table = table_of(suite, spoken, partial(score, suite))
    said: dict[str, Any] = {
        "model": subject.tree,
        "name": subject.name,
        "weights": subject.weights,
        "numerics": dict(observed.numerics),
        "hardware": dict(observed.hardware),
        "timing": timing,
        "evaluator": order.evaluator,
        "runner": {"name": "hanse", "version": __version__, **order.attested},
        "gaps": observed.gaps,
    }
    record = make_record(suite, table, said)
    about = statements.Subject(subject.name, {"sha256": subject.tree, **order.digests})
    statement = Statement((about,), EVALUATION, record.predicate())
    bundle = None if order.signer is None else make_bundle(statement, order.signer)
    write_result(order.folder, statement, table, b"".join(one.encode() + b"\n" for one in spoken), bundle)
    return record
