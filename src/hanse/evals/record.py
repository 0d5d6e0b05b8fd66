"""An evaluation record: one institution's result of one suite on one model, as the predicate of a signed statement.

It names the bytes that were run, the suite by its digest, engine and hardware as they were observed after loading, and the roots
of the item table, from which everybody recomputes the numbers bit for bit. Engine, hardware, time and people are not part
of what is claimed: they say how much agreement between two records is worth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hanse.errors import BadFormat, VerificationFailed
from hanse.evals.compare import Pairing, Verdict, degenerate, judge, pair
from hanse.evals.fixed import fixed
from hanse.evals.itemtable import SCORED, Column, ItemTable
from hanse.evals.recordform import Fields, parse_fields
from hanse.evals.statistics import clustered_mean, rate_interval
from hanse.evals.suite import Suite, claim_key
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256

EVALUATION = "https://hanse/evaluation/v1"
LEVEL = 0.95
CLASS_FIELDS = (
    *("engine", "engineVersion", "build", "backend", "arch", "weights", "compute", "kv", "attention", "batch", "parallel"),
    *("determinism", "threads"),
)


def numerics_class(numerics: Mapping[str, str]) -> str:
    """Return SHA-256 over what decides whether two runs must be equal, in hex."""
    return hashlib.sha256(canonical({name: numerics.get(name, "") for name in CLASS_FIELDS})).hexdigest()


class WeightsClass(str, Enum):
    """What is known of the weights: the runner hashed and loaded them, a member's server attests that, or an API says so."""

    LOCAL = "local"
    BOUND = "bound"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a run. low, high: its 95 % interval; se: clustered; degenerate: within one item of 0 or 1."""

    value: str
    low: str
    high: str
    se: str
    n: int
    clusters: int
    degenerate: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as a record has it."""
        said: dict[str, Any] = {"value": self.value, "low": self.low, "high": self.high, "se": self.se}
        return said | {"n": self.n, "clusters": self.clusters, "degenerate": self.degenerate}


@dataclass(frozen=True, slots=True)
class Record:
    """A record. model: tree of the revision whose files were run; name: what it is called, informative.

    numerics: what decides whether two runs must be equal, by `CLASS_FIELDS`, as observed after loading; hardware: more of the
    machine, never a host's or a person's name; roots, counts, table: of the item table; timing: seconds, tokens and joules as
    numbers in texts; evaluator: origin of the institution; gaps: names of fields that the harness could not supply.
    """

    model: str
    name: str
    weights: WeightsClass
    suite: str
    numerics: Mapping[str, str]
    hardware: Mapping[str, str]
    roots: Mapping[str, str]
    counts: Mapping[str, int]
    score: Score
    table: str
    timing: Mapping[str, str]
    evaluator: str
    runner: Mapping[str, str]
    gaps: tuple[str, ...] = ()

    @property
    def numerics_class(self) -> str:
        """SHA-256 over what was observed of engine and device, in hex: equal classes give equal outputs."""
        return numerics_class(self.numerics)

    @property
    def digest(self) -> Sha256:
        """SHA-256 of the predicate's canonical form, in hex: what countersignatures name it by, whoever signed or logged it."""
        return Sha256(hashlib.sha256(canonical(self.predicate())).hexdigest())

    def predicate(self) -> dict[str, Any]:
        """Return the predicate of the statement about it."""
        return {
            "model": {"tree": self.model, "name": self.name, "weights": self.weights.value},
            "suite": self.suite,
            "numerics": dict(self.numerics),
            "numericsClass": self.numerics_class,
            "hardware": dict(self.hardware),
            "roots": dict(self.roots),
            "counts": dict(self.counts),
            "score": self.score.to_json(),
            "table": self.table,
            "timing": dict(self.timing),
            "evaluator": self.evaluator,
            "runner": dict(self.runner),
            "gaps": list(self.gaps),
        }


def make_record(suite: Suite, table: ItemTable, said: Mapping[str, Any]) -> Record:
    """Return the record of a run. said: the fields of `Record` that neither suite nor table give.

    Raises BadFormat if the table is no run of the suite.
    """
    _require_run(suite, table)
    roots = {column.value: table.root(column) for column in Column}
    return Record(suite=suite.digest, roots=roots, counts=table.counts(), score=score_of(table), table=table.sha256, **said)


def score_of(table: ItemTable) -> Score:
    """Return the score that a table comes to; raises BadFormat if no item was scored."""
    ended = [one for one in table.results().values() if one.outcome is not None]
    if not ended:
        raise BadFormat("no item of the run came to an end, so that there is no score")
    values, clusters = [one.outcome or 0.0 for one in ended], [one.cluster for one in ended]
    mean, interval = clustered_mean(values, clusters), rate_interval(values, clusters, LEVEL)
    # One cluster has an error without bound; a share is never further off than 1.
    error = fixed(min(mean.se, 1.0))
    flat = degenerate(mean.value, mean.n)
    return Score(fixed(mean.value), fixed(interval.low), fixed(interval.high), error, mean.n, mean.clusters, flat)


def _require_run(suite: Suite, table: ItemTable) -> None:
    wanted = {(one.id, epoch): one.cluster for one in suite.items for epoch in range(suite.epochs)}
    found = {(row.item, row.epoch): row.cluster for row in table.rows}
    if wanted != found:
        raise BadFormat(f"a run of {suite.name} has each of its {len(suite.items)} items {suite.epochs} times, in its cluster")


def parse_record(predicate: Mapping[str, Any]) -> Record:
    """Return the record in a statement's predicate; raises BadFormat, for a numerics class that is not its own, too."""
    fields = parse_fields(predicate)
    record = Record(score=_score(fields), weights=WeightsClass(fields.weights), **fields.plain)
    if predicate.get("numericsClass") != record.numerics_class:
        raise BadFormat(f"the numerics class of what the record says is {record.numerics_class}")
    return record


def _score(fields: Fields) -> Score:
    return Score(**fields.score)


def check_record(record: Record, suite: Suite, table: ItemTable) -> None:
    """Check that a record's numbers follow from its item table, bit for bit (levels V0 and V1 without the scorer).

    Raises VerificationFailed with every number that does not.
    """
    failed = []
    if record.suite != suite.digest:
        failed.append(f"suite: the record is about {record.suite}, this is {suite.digest}")
    try:
        _require_run(suite, table)
        score = score_of(table)
    except BadFormat as error:
        raise VerificationFailed(f"the item table is none of this record: {error.message}", failed=(error.message,)) from error
    failed += [f"root {one.value}: not that of the table" for one in Column if record.roots[one.value] != table.root(one)]
    if record.table != table.sha256:
        failed.append("table: another one than the record names")
    if dict(record.counts) != table.counts():
        failed.append(f"counts: the table has {table.counts()}")
    if record.score != score:
        failed.append(f"score: the table comes to {score.value}, {score.low} to {score.high}, not {record.score.value}")
    if failed:
        raise VerificationFailed("the record does not follow from its item table", failed=tuple(failed))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two records come to. same_class: they ran in one numerics class, where equal outputs are expected."""

    verdict: Verdict
    reasons: tuple[str, ...]
    pairing: Pairing | None
    same_class: bool


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """A record with the item table that it was checked against."""

    record: Record
    table: ItemTable

    @classmethod
    def of(cls, record: Record, suite: Suite, table: ItemTable) -> CheckedRun:
        """Return both, checked; raises VerificationFailed."""
        check_record(record, suite, table)
        return cls(record, table)


def compare(first: CheckedRun, second: CheckedRun, suite: Suite) -> Comparison:
    """Return what two checked runs of a suite come to.

    Another model, or other prompts as they were sent, makes them not comparable: that is no disagreement. In one numerics class
    outputs that differ are told as a reason, because something in it is not what the records say.
    """
    one, other = first.record, second.record
    same = one.numerics_class == other.numerics_class
    if claim_key(one.model, suite) != claim_key(other.model, suite):
        return Comparison(Verdict.NOT_COMPARABLE, ("other-model",), None, same)
    if not _same_prompts(first.table, second.table):
        return Comparison(Verdict.NOT_COMPARABLE, ("other-prompts",), None, same)
    found = pair(first.table.results(), second.table.results(), suite.terms)
    verdict, reasons = judge(found, suite.terms)
    if same and found is not None and found.exact is not None and found.exact < 1:
        reasons = (*reasons, "outputs-differ-in-one-numerics-class")
    return Comparison(verdict, reasons, found, same)


def _same_prompts(first: ItemTable, second: ItemTable) -> bool:
    """Tell whether both models saw the same prompts, wherever both answered.

    Digests are compared, row by row: roots are salted by each runner, so they tell nothing.
    """
    both = zip(first.rows, second.rows, strict=True)
    return all(one.rendered == other.rendered for one, other in both if {one.status, other.status} <= SCORED)
