"""Making the folder of a run out of a harness's log.

1. The log is read for what it is, one task of it. What it cannot say becomes a gap, never a value.
2. Suite, item table and transcript follow from it; where one of our scorers decides the outcomes, they follow from the answers.
3. The record says that it was imported, from which bytes, and that the weights are claimed: nobody saw them loaded, also where
   the files they are said to be are at hand.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from hanse import __version__
from hanse.errors import NotFoundError
from hanse.evals.exchange import garaklog, inspectlog, lmeval
from hanse.evals.exchange.log import ALWAYS, MAX_LOG, Log, adopt, follow, pick, suite_of
from hanse.evals.itemtable import ItemTable
from hanse.evals.record import EVALUATION, Record, WeightsClass, make_record
from hanse.evals.scorers.registry import SCORERS
from hanse.evals.suite import Item
from hanse.evals.transcript import Spoken
from hanse.flows.bounded import read_bounded
from hanse.flows.evaluate.runfolder import keep_suite, write_result
from hanse.flows.evaluate.subject import Subject
from hanse.flows.exchange import archive
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.publickey import Signer
from hanse.model.repo import Origin
from hanse.model.strictjson import parse_strict
from hanse.sign import statement as statements
from hanse.sign.bundle import make_bundle
from hanse.sign.statement import Statement


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is taken out of a log, and who says so.

    task, metric: "" where there is one; subject: files it is said to be about; digests: further ones of the model.
    """

    task: str
    metric: str
    folder: Path
    evaluator: Origin
    signer: Signer | None = None
    subject: Subject | None = None
    digests: Mapping[str, str] = field(default_factory=dict)


def read_log(path: Path, task: str = "", metric: str = "") -> tuple[Log, str]:
    """Return one task of a log, and the SHA-256 of the file in hex.

    Raises InputError if several tasks or metrics could be meant, with their names; NotFoundError; TooLarge; BadFormat for what is
    no log of Inspect AI, lm-eval or garak.
    """
    data = read_bounded(path, MAX_LOG)
    return _parse(path, data, task, metric), hashlib.sha256(data).hexdigest()


def _parse(path: Path, data: bytes, task: str, metric: str) -> Log:
    if archive.is_archive(data):
        return archive.parse_archive(data, metric)
    if garaklog.is_report(data.partition(b"\n")[0]):
        return garaklog.parse_garak(data, task, metric)
    if not lmeval.is_results(list(parse_strict(data, "a log", MAX_LOG, depth=inspectlog.MAX_DEPTH))):
        return inspectlog.parse_inspect(data, metric)
    task = pick("tasks", lmeval.tasks(data), task, "--task")
    return lmeval.parse_lmeval(data, read_bounded(_samples(path, task), MAX_LOG), task, metric)


def _samples(path: Path, task: str) -> Path:
    """Return the file of samples that the harness wrote beside a file of results."""
    ending = path.name.removeprefix("results_").removesuffix(".json")
    name = f"samples_{task}_{ending}.jsonl"
    if "/" in name or not (path.parent / name).is_file():
        raise NotFoundError(f"there is no {name[:200]} beside {path.name}", hint="run lm-eval with --log_samples")
    return path.parent / name


def import_log(path: Path, wanted: Wanted) -> Record:
    """Make the folder of a run out of one task of a log, and return its record.

    Raises as `read_log` does; BadFormat too if outcomes do not follow from answers; Conflict for a folder with another suite;
    StorageError.
    """
    # 1. What the log says.
    log, digest = read_log(path, wanted.task, wanted.metric)
    # 2. and 3. What follows from it.
    subject = wanted.subject or _unknown(log)
    return write(log, wanted, subject, _said(log, digest, subject, wanted.evaluator))


def write(log: Log, wanted: Wanted, subject: Subject, said: dict[str, Any]) -> Record:
    """Write the folder of a run that a log is, and return its record. said: what the record says beside its numbers.

    Raises BadFormat, Conflict, or StorageError, as `import_log` does.
    """
    log = adopt(log, SCORERS)
    suite = suite_of(log)
    if suite.scorer in SCORERS:
        follow(log, SCORERS[suite.scorer])
    table, spoken = _items(log)
    record = make_record(suite, table, said)
    about = statements.Subject(subject.name, {"sha256": subject.tree, **wanted.digests})
    statement = Statement((about,), EVALUATION, record.predicate())
    bundle = None if wanted.signer is None else make_bundle(statement, wanted.signer)
    keep_suite(wanted.folder, suite)
    write_result(wanted.folder, statement, table, b"".join(one.encode() + b"\n" for one in spoken), bundle)
    return record


def _items(log: Log) -> tuple[ItemTable, list[Spoken]]:
    rows, said = [], []
    for one in log.items:
        spoken = Spoken(one.item.id, one.epoch, one.answer, secrets.token_hex(16))
        outcome = 0.0 if one.outcome is None else one.outcome
        rows.append(spoken.row(one.item, partial(_known, outcome)))
        said.append(spoken)
    said.sort(key=lambda one: (one.item, one.epoch))
    return ItemTable.of(rows), said


def _known(outcome: float, _: Item, __: str) -> float:
    return outcome


def _unknown(log: Log) -> Subject:
    """Return a model of which a log gives a name and nothing else."""
    digest = hashlib.sha256(canonical({"harness": log.harness, "model": log.model})).hexdigest()
    return Subject(Sha256(digest), log.model, WeightsClass.CLAIMED)


def _said(log: Log, digest: str, subject: Subject, evaluator: Origin) -> dict[str, Any]:
    # Two logs never share a numerics class: what neither says cannot be equal.
    numerics = dict(log.numerics) | {"build": f"not told by the log {digest}"}
    runner = {"name": log.harness, "version": log.version, "metric": log.metric, "log": digest}
    runner["importedBy"] = f"hanse {__version__}"
    return {
        "model": subject.tree,
        "name": subject.name,
        "weights": WeightsClass.CLAIMED,
        "numerics": numerics,
        "hardware": dict(log.hardware),
        "timing": dict(log.timing),
        "evaluator": evaluator,
        "runner": runner,
        "gaps": (*ALWAYS, *log.gaps),
    }
