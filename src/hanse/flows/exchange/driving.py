"""Driving a harness: it plans and scores in its own process, an engine of ours answers, and the log becomes a run's folder.

1. The harness says what it is.
2. Each of its questions is answered by the engine and kept in the run's journal. The same command goes on after a kill: the
   harness begins anew, and what was answered before is not asked of the engine again.
3. Its log is read like any other. Every answer in it must be the engine's own to that very question, so that the record may say
   what the engine was observed to be, and of the weights what the runner knows: the harness had no other model to ask.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hanse import __version__
from hanse.errors import Busy
from hanse.evals.engine import Answer, Engine
from hanse.evals.fixed import fixed
from hanse.evals.harness import Description, Question, bind
from hanse.evals.itemtable import Status
from hanse.evals.record import Record
from hanse.evals.transcript import Spoken
from hanse.flows.evaluate.journal import Journal
from hanse.flows.evaluate.run import RunLimits, Told
from hanse.flows.evaluate.runfolder import JOURNAL
from hanse.flows.evaluate.subject import Subject
from hanse.flows.exchange.importing import Wanted, read_log, write
from hanse.jobs.harness import HarnessOrder
from hanse.store.durable import make_directory, storage_errors

WORK = "harness"
"""Folder in the run's for what the harness writes: its own log, for its owner only."""


class Plugin(Protocol):
    """A harness that can be driven (`hanse.jobs.harness.Harness`)."""

    def describe(self) -> Description:
        """Return which harness it is."""
        ...

    def run(self, order: HarnessOrder, answer: Callable[[Question], Answer], stopping: Callable[[], bool]) -> Path:
        """Run a task, every question of it answered by `answer`, and return its log."""
        ...


@dataclass(frozen=True, slots=True)
class Drive:
    """What is run where. task: as the harness names it; wanted: of its log, with the model's files; limit: items, 0: all."""

    task: str
    wanted: Wanted
    subject: Subject
    limit: int = 0
    limits: RunLimits = field(default_factory=RunLimits)


def drive(
    order: Drive,
    plugin: Plugin,
    engine: Engine,
    tell: Callable[[Told], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Record:
    """Run a task of a harness, or what is left of it, and return its record.

    Raises Busy if it was stopped or reached a limit; EngineFailed or PeerError if harness or engine cannot go on; BadFormat for a
    log with answers that the engine did not give; Conflict for a folder with another run; StorageError.
    """
    # 1. What is run.
    harness, observed, folder = plugin.describe(), engine.observed(), order.wanted.folder
    with storage_errors(f"write {folder}"):
        make_directory(folder, 0o700)
        shutil.rmtree(folder / WORK, ignore_errors=True)
        make_directory(folder / WORK, 0o700)
    one = order.subject
    model = {"tree": one.tree, "name": one.name, "weights": one.weights.value}
    ran = {"harness": harness.name, "version": harness.version, "code": harness.code, "task": order.task, "limit": order.limit}
    journal = Journal(folder / JOURNAL, {"harness": ran, "model": model, "numerics": dict(observed.numerics)})
    try:
        # 2. Its questions.
        began = time.monotonic()
        asking = _Asking(engine, journal, order.limits, tell, stopping)
        path = plugin.run(HarnessOrder(order.task, _plain(one.name), folder / WORK, order.limit), asking, asking.stopped)
        journal.flush()
        # 3. Its log.
        log, digest = read_log(path, "", order.wanted.metric)
        spent = {"wall": fixed(time.monotonic() - began), "engine": fixed(asking.seconds), "tokens": fixed(asking.told.tokens)}
        said = _said(order, harness, digest, spent) | {"numerics": dict(observed.numerics), "hardware": dict(observed.hardware)}
        bound = bind(log, asking.said)
        return write(bound, order.wanted, one, said | {"gaps": (*bound.gaps, *observed.gaps)})
    finally:
        journal.close()


def _said(order: Drive, harness: Description, digest: str, spent: dict[str, str]) -> dict[str, Any]:
    runner = {"name": harness.name, "version": harness.version, "code": harness.code, "log": digest, "task": _plain(order.task)}
    return {
        "model": order.subject.tree,
        "name": order.subject.name,
        "weights": order.subject.weights,
        "timing": spent,
        "evaluator": order.wanted.evaluator,
        "runner": runner | {"metric": order.wanted.metric, "drivenBy": f"hanse {__version__}"},
    }


def _plain(text: str) -> str:
    """Return the last part of a name or a path, so that no folder of a person's is told."""
    return text.rstrip("/").rpartition("/")[2][:200] or "model"


class _Asking:
    """Answers a harness's questions from the journal, or by the engine."""

    def __init__(
        self, engine: Engine, journal: Journal, limits: RunLimits, tell: Callable[[Told], None], stopping: Callable[[], bool]
    ) -> None:
        self._engine, self._journal, self._limits, self._tell, self._stopping = engine, journal, limits, tell, stopping
        self._deadline = time.monotonic() + limits.seconds if limits.seconds else None
        self._before: Counter[str] = Counter()
        self.said: list[tuple[Question, Answer]] = []
        self.told = Told(0)
        self.seconds = 0.0

    def stopped(self) -> bool:
        """Tell whether the run is to stop."""
        late = self._deadline is not None and time.monotonic() > self._deadline
        spent = self._limits.tokens and self.told.tokens >= self._limits.tokens
        return bool(late or spent or self._stopping())

    def __call__(self, question: Question) -> Answer:
        """Return the answer to a question; raises Busy at a limit, and as `Engine.answer` does."""
        epoch = self._before[question.key]
        self._before[question.key] += 1
        known = self._journal.answers.get((question.key, epoch))
        if known is None or known.answer.status is Status.INFRA_ERROR:
            if self.stopped():
                raise Busy(f"stopped after {self.told.done} answers", hint="the same command goes on from here")
            began = time.monotonic()
            answer = self._engine.answer(question.ask(epoch))
            self.seconds += time.monotonic() - began
            self._journal.append(Spoken(question.key, epoch, answer, secrets.token_hex(16)))
            self.told.tokens += answer.count
        else:
            answer = known.answer
        self.told.planned = self.told.done = self.told.done + 1
        self.told.errors += answer.status in {Status.MODEL_ERROR, Status.INFRA_ERROR}
        self.said.append((question, answer))
        self._tell(self.told)
        return answer
