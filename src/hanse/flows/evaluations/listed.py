"""What a node knows of evaluations of a revision: its own records and words, and those that mirrored logs of others list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hanse.clock import rfc3339
from hanse.db import attestations, leaves, sightings, witnesses
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import HanseError
from hanse.evals.scorers.correction import corrected_json
from hanse.flows import access, bundles
from hanse.flows.evaluations.facts import Listed, countersigned, evaluated
from hanse.flows.evidence import MAX_EVALUATIONS
from hanse.flows.foreign import statements
from hanse.flows.foreign.copies import Copy
from hanse.flows.foreign.shown import MAX_SAID
from hanse.flows.node import Node
from hanse.flows.suites.find import calibration_by, name_of
from hanse.model.digest import GitOid, Sha256
from hanse.model.evaluated import Countersigned, Evaluated
from hanse.model.predicates import COUNTERSIGNATURE, EVALUATION, REPEATED
from hanse.policy.evidence import Standing, median, standing
from hanse.sign.bundle import parse_bundle_json
from hanse.sign.statement import Statement, parse_statement


@dataclass(frozen=True, slots=True)
class Evaluations:
    """Evaluations of one revision. records, words: of this node and of others, oldest first."""

    rev: GitOid
    tree: Sha256
    records: tuple[Evaluated, ...]
    words: tuple[Countersigned, ...]

    def newest(self, suite: str) -> list[Evaluated]:
        """Return the newest record of each member with this suite, by member."""
        newest = {one.member: one for one in self.records if one.suite == suite}
        return [newest[member] for member in sorted(newest)]

    def standing(self, record: Evaluated) -> Standing:
        """Return what others' words on a record come to."""
        return standing(record, self.words, self.records)


def of_revision(node: Node, repo: Repo, rev: str) -> Evaluations:
    """Return the evaluations of a revision that the caller may see; raises RevisionNotFound or Disabled."""
    revision = access.resolve_revision(node, repo, rev)
    records: list[Evaluated] = []
    words: list[Countersigned] = []
    for by, statement in (*_own(node, repo, revision), *_others(node, repo, revision)):
        if statement.predicate_type == EVALUATION and (record := evaluated(statement, revision.tree, by)):
            records.append(record)
        elif statement.predicate_type == COUNTERSIGNATURE and (word := countersigned(statement, by)):
            words.append(word)
    by_time = sorted(records, key=lambda one: (one.time, one.index))
    return Evaluations(revision.rev, revision.tree, tuple(by_time), tuple(sorted(words, key=lambda one: (one.time, one.index))))


def _own(node: Node, repo: Repo, revision: Revision) -> Iterator[tuple[Listed, Statement]]:
    with node.db.read() as conn:
        rows = [row for row in attestations.of_revision(conn, repo.id, revision.rev) if row.predicate in REPEATED]
        placed = [(row, leaves.get(conn, row.leaf_id)) for row in rows[-MAX_EVALUATIONS:]]
    for row, leaf in placed:
        index = -1 if leaf is None or leaf.index is None else leaf.index
        data = bundles.read(node.store, row.payload, row.key)
        by = Listed(str(node.origin), row.key, str(node.origin), index, row.created_at)
        yield by, parse_statement(parse_bundle_json(data).envelope.payload)


def _others(node: Node, repo: Repo, revision: Revision) -> Iterator[tuple[Listed, Statement]]:
    """Yield what is kept of others' statements, each verified by the leaf in the copy of its log."""
    if not repo.public:
        return
    place = (repo.repo.origin, repo.repo.type.value, repo.repo.folded)
    with node.db.read() as conn:
        rows = sightings.of_revision(conn, place, revision.rev, MAX_SAID)
        logs = {log.origin: log for log in witnesses.every(conn) if log.mirrored and log.origin != node.origin}
    for row in rows:
        with suppress(HanseError):
            copy = Copy(node.db, node.store, logs[row.log]) if row.log in logs and row.tree == revision.tree else None
            leaf = copy.attest(row.index) if copy else None
            if copy is None or leaf is None or leaf.predicate not in REPEATED:
                continue
            data = statements.find(node, repo, copy, row.index, leaf)
            if data is not None:
                by = Listed(row.log, leaf.key, row.log, row.index, leaf.time)
                yield by, parse_statement(parse_bundle_json(data).envelope.payload)


def to_json(found: Evaluations) -> dict[str, Any]:
    """Return them suite by suite, each with its newest record of every institution and what others say of that."""
    suites = dict.fromkeys(one.suite for one in found.records)
    return {"rev": found.rev, "tree": found.tree, "suites": [_suite(found, digest) for digest in suites]}


def _suite(found: Evaluations, digest: str) -> dict[str, Any]:
    records = found.newest(digest)
    stands = [found.standing(one) for one in records]
    classes = {one.numerics for one in records}.union(*(one.classes for one in stands))
    return {
        "suite": digest,
        "name": name_of(digest),
        "institutions": len(records),
        "numericsClasses": len(classes),
        "medianLow": median([one.low for one in records]),
        "medianHigh": -median([-one.high for one in records]),
        "disagreements": sorted({member for one in stands for member in one.against}),
        "records": [_record(one, stand) for one, stand in zip(records, stands, strict=True)],
    }


def _record(one: Evaluated, stand: Standing) -> dict[str, Any]:
    said: dict[str, Any] = {"member": one.member, "record": one.record, "score": one.value, "low": one.low, "high": one.high}
    if corrected := _corrected(one):
        said["corrected"] = corrected
    said |= {"n": one.n, "weights": one.weights, "degenerate": one.degenerate, "numericsClass": one.numerics}
    said |= {"time": rfc3339(one.time), "index": one.index if one.index >= 0 else None, "level": stand.best()}
    return said | {"agrees": dict(sorted(stand.level.items())), "disagrees": dict(sorted(stand.against.items()))}


def _corrected(one: Evaluated) -> dict[str, str] | None:
    """Return the rate that people would have found, where the suite's scorer was held against their labels."""
    calibration = calibration_by(one.suite)
    if calibration is None:
        return None
    return corrected_json(calibration, {"value": one.value, "se": one.se, "n": one.n, "clusters": one.clusters or one.n})
