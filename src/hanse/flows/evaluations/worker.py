"""A worker on a node's queue of evaluations; several share one queue, in one process each, on one data folder.

1. The oldest job that nobody runs is taken, for as long as a lease. A thread renews it; a worker that was killed renews no more,
   and after the lease another one takes the job.
2. The revision's files are written into the job's folder, hashed there, and must have its tree.
3. The suite runs as in `hanse evaluate`, into the folder `run`: its journal is of one worker at a time, and goes on where the one
   before was killed. A worker of another engine or machine leaves it to others: answers of two kinds are not one result.
4. The record is checked again and logged, as the node's own statement, and so is the run card of an engine that measured itself.
   Only a worker that still holds the job does that.

Answers stay in the folder, and a copy is shown to those whom the job names (`.kept`). The files of the model are removed when the
job ends.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hanse.db import evaluation_jobs as jobs
from hanse.db.evaluation_jobs import Job
from hanse.db.repos import Repo, get
from hanse.db.revisions import Revision
from hanse.errors import Busy, Conflict, EngineFailed, HanseError, IntegrityError, NotFoundError
from hanse.evals.cost import UNIT, Price
from hanse.evals.engine import Engine, Measuring
from hanse.evals.nopaths import without_paths
from hanse.flows import access
from hanse.flows.admission import require_file
from hanse.flows.evaluate.publish import publish, publish_card
from hanse.flows.evaluate.reproduce import check_scores
from hanse.flows.evaluate.run import Order, RunLimits, Told, evaluate
from hanse.flows.evaluate.runcard import CARD, anchor_of, write_card
from hanse.flows.evaluate.runfolder import Read, put, read_run
from hanse.flows.evaluate.subject import Subject, of_folder
from hanse.flows.evaluations.kept import Shown, keep
from hanse.flows.evaluations.suites import suite_of_job
from hanse.flows.files import open_by_xet
from hanse.flows.node import Node
from hanse.jobs.energy import Meter
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.tier import Tier
from hanse.sign.bundle import Bundle
from hanse.store.durable import make_directory, storage_errors

LEASE_SECONDS = 60
OPERATOR = Actor(account_id=0, name="operator", admin=True, role="write")
OTHERS = "begun on another engine, machine or version of the suite; it waits for a worker like that one"
_PIECE = 1024 * 1024
Start = Callable[[Subject], Engine]
"""What starts an engine for a model whose files were hashed."""


def limits_of(job: Job) -> RunLimits:
    """Return the limits of a job, all workers together."""
    return RunLimits(job.max_seconds, job.max_tokens, job.max_cost, Price(job.price_hour, job.price_million))


def _left(job: Job) -> RunLimits:
    """Return what workers before have left of a job's limits; where nothing is left, as little as there can be."""
    whole = limits_of(job)
    return RunLimits(
        max(0.001, whole.seconds - job.spent) if whole.seconds else 0.0,
        max(1, whole.tokens - job.tokens) if whole.tokens else 0,
        max(1, whole.cost - whole.price.cost(job.spent, job.tokens)) if whole.cost else 0,
        whole.price,
    )


@dataclass(slots=True)
class _Held:
    """A job that is held. told: how far it is; lost: somebody else has it, or it was called off."""

    job: Job
    began: float
    told: Told
    lost: threading.Event = field(default_factory=threading.Event)


class _OfOthers(Exception):
    """The journal of a job is of another engine, machine or suite."""


class Worker:
    """Works on the queue of a node. folder: where runs are kept; name: of this worker, for people; lease: seconds."""

    def __init__(self, node: Node, folder: Path, start: Start, name: str, lease: int = LEASE_SECONDS) -> None:
        self._node = node
        self._folder = folder
        self._start = start
        self._name = name
        self._lease = lease
        self._others: set[int] = set()

    def step(self, stopping: Callable[[], bool] = lambda: False) -> Job | None:
        """Take one job and run it to its end; return it as it is then, None if there was none.

        A job that is stopped waits for the next worker; one that was begun by a worker of another kind, for another of that.
        What fails fails the job, and is said in it.
        """
        with self._node.db.write() as conn:
            job = jobs.take(conn, self._name, self._node.clock.now(), self._lease, self._others)
        if job is None:
            return None
        held, over = _Held(job, time.monotonic(), Told(job.planned, job.done)), threading.Event()
        renewing = threading.Thread(target=self._renew, args=(held, over), name="lease", daemon=True)
        renewing.start()
        try:
            self._run(held, stopping)
        finally:
            over.set()
            renewing.join()
        with self._node.db.read() as conn:
            return jobs.get(conn, job.id)

    def _renew(self, held: _Held, over: threading.Event) -> None:
        """Renew the lease until the job is over or lost; a catalogue that does not answer loses it, too."""
        while not over.wait(self._lease / 4):
            try:
                kept = self._write(held, expires_at=self._node.clock.now() + self._lease, **self._progress(held))
            except HanseError:
                continue
            if not kept:
                held.lost.set()
                return

    def _progress(self, held: _Held) -> dict[str, int]:
        spent = held.job.spent + round(time.monotonic() - held.began)
        told = held.told
        return {"planned": told.planned, "done": told.done, "tokens": held.job.tokens + told.tokens, "spent": spent}

    def _write(self, held: _Held, **values: object) -> bool:
        with self._node.db.write() as conn:
            return jobs.write(conn, held.job, **values)

    def _keep(self, held: _Held, revision: Revision, run: tuple[Read, Path], bundle: Bundle, card: Bundle | None) -> None:
        """Keep the files of a run for those whom the job says that they are shown to, the statements as the node signed them."""
        job = held.job
        if self._node.evaluations is not None:
            shown = Shown(Tier(job.item_table), Tier(job.transcript), job.account_id)
            place = keep(self._node, revision.rev, run, bundle, shown)
            if card is not None:
                put(place / CARD, card.encode())

    def _end(self, held: _Held, state: str, says: str, record: str | None = None) -> None:
        ended = self._node.clock.now() if state not in jobs.OPEN else 0
        said = without_paths(says)[:1000]  # whoever asked is told, and shall learn nothing of this machine
        self._write(held, state=state, says=said, record=record, holder="", ended_at=ended, **self._progress(held))

    def _run(self, held: _Held, stopping: Callable[[], bool]) -> None:
        place = self._folder / str(held.job.id)
        try:
            repo, revision = self._wanted(held.job)
            subject = self._written(repo, revision, place / "model")
            self._evaluate(held, subject, place / "run", lambda: stopping() or held.lost.is_set())
            read = read_run(place / "run")
            check_scores(read)
            if not self._write(held, expires_at=self._node.clock.now() + self._lease):
                return
            run = place / "run"
            bundle = publish(self._node, repo, revision, read)
            card = publish_card(self._node, repo, revision, run) if (run / CARD).exists() else None
            self._keep(held, revision, (read, run), bundle, card)
            self._end(held, jobs.DONE, bundle.digest, record=read.record.digest)
        except Busy as error:
            spent = self._progress(held)
            over = limits_of(held.job).reached(spent["spent"], spent["tokens"])
            self._end(held, jobs.FAILED if over else jobs.WAITING, error.message if over else "")
        except _OfOthers:
            self._others.add(held.job.id)
            self._end(held, jobs.WAITING, OTHERS)
        except HanseError as error:
            self._end(held, jobs.FAILED, f"{error.code}: {error.message}")
        finally:
            shutil.rmtree(place / "model", ignore_errors=True)

    def _wanted(self, job: Job) -> tuple[Repo, Revision]:
        with self._node.db.read() as conn:
            repo = get(conn, job.repo_id)
        if repo is None:
            raise NotFoundError("the repository is gone")
        return repo, access.resolve_revision(self._node, repo, job.rev)

    def _written(self, repo: Repo, revision: Revision, folder: Path) -> Subject:
        """Write the files of a revision and return them, hashed from where an engine reads them.

        Raises IntegrityError, and Held, Recalled or RevisionNotFound for a file that the scanner keeps from strangers: no engine
        parses it, whoever asked.
        """
        shutil.rmtree(folder, ignore_errors=True)
        entries = self._node.listings.get(self._node.store, revision.object).directory.entries()
        for entry in entries:
            require_file(self._node, ANONYMOUS, repo, entry)
            reader, _ = open_by_xet(self._node, OPERATOR, entry.xet)
            path = folder / entry.path
            with storage_errors(f"write {path}"):
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with path.open("xb") as file:
                    for at in range(0, entry.size, _PIECE):
                        file.write(reader.read_at(at, min(_PIECE, entry.size - at)))
        found = of_folder(folder, f"{repo.repo.path}@{revision.rev}")
        if found.tree != revision.tree:
            raise IntegrityError(
                f"the files have the tree {found.tree}, the revision has {revision.tree}", hint="hanse admin fsck"
            )
        return found

    def _evaluate(self, held: _Held, subject: Subject, folder: Path, stopping: Callable[[], bool]) -> None:
        job = held.job
        with storage_errors(f"make {folder}"):
            make_directory(folder.parent, 0o700)
        left = _left(job)
        order = Order(
            suite_of_job(self._node, job.suite)[1], subject, folder, self._node.origin, None, left, {"gitCommit": job.rev}
        )
        engine, meter = self._start(subject), Meter()
        try:
            evaluate(order, engine, lambda told: setattr(held, "told", told), stopping)
            _write_card(engine, meter, folder, job.price_hour / UNIT if job.price_hour else None)
        except Conflict as error:
            raise _OfOthers from error
        finally:
            engine.close()


def _write_card(engine: Engine, meter: Meter, folder: Path, price_per_hour: float | None) -> None:
    """Write the run card beside the record if the engine measured itself; none where it answered nothing in this turn."""
    if not isinstance(engine, Measuring):
        return
    try:
        usage = engine.usage()
    except EngineFailed:
        return
    if usage.first:
        read = read_run(folder)
        write_card(folder, read, usage, meter.joules(), price_per_hour=price_per_hour, anchor=anchor_of(read, None))
