"""Evaluations in an evidence file, verified and judged by a policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.evidence import Member
from tests.support.verifying import World, make_world, policy_of, verify
from tests.unit.evals.test_record import SAID, SUITE, ran

from hanse.errors import PolicyError
from hanse.evals.compare import Verdict
from hanse.evals.countersignature import Countersignature, Level
from hanse.evals.record import EVALUATION, Record, make_record
from hanse.evals.scorers.correction import REFUSAL_AGAINST_HARM, corrected_score
from hanse.flows.evaluations.facts import Listed, countersigned, evaluated
from hanse.flows.suites.find import digest_of
from hanse.model import predicates
from hanse.model.evaluated import Evaluated
from hanse.model.evidence import encode_evidence, parse_evidence
from hanse.model.key_leaf import KeyUse
from hanse.sign.statement import Statement, revision_subject

POLICY = f"policy = 1\nbase = 'open'\n[[evidence]]\nsuite = '{SUITE.digest}'\nat_least = 0.4\n"


@pytest.fixture(name="world", scope="module")
def _world() -> World:
    return make_world()


def record_of(world: World, member: Member, **more: Any) -> Record:
    """Return a member's record about the revision."""
    said = SAID | {"model": world.revision.tree, "evaluator": member.origin} | more
    return make_record(SUITE, ran(), said)


def with_said(world: World, *said: tuple[Member, str, dict[str, Any]]) -> bytes:
    """Return the revision's evidence with statements of members, each listed in the member's own log."""
    one, found = world.revision, parse_evidence(world.evidence())
    listed: dict[str, list[int]] = {}
    data = []
    members = {str(member.origin): member for member, _, _ in said}
    for member, kind, predicate in said:
        statement = Statement((revision_subject(one.repo, one.rev, one.tree),), kind, predicate)
        bundle, index = member.log_statement(statement, one.repo, one.rev, one.tree)
        data.append(bundle.encode())
        listed.setdefault(str(member.origin), []).append(index)
    logs = [members[origin].shown([members[origin].keys[KeyUse.ATTEST], *indices]) for origin, indices in listed.items()]
    return encode_evidence([*found.bundles, *data], [*found.logs, *logs], found.maps)


def test_the_names_of_the_kinds() -> None:
    """Records and countersignatures have the predicate types by which leaves are told apart."""
    from hanse.evals.countersignature import COUNTERSIGNATURE

    assert predicates.REPEATED == (EVALUATION, COUNTERSIGNATURE)


def test_a_policy_on_verified_records(world: World) -> None:
    """A record in a verified log satisfies a policy, and without it the refusal names the command that makes one."""
    with pytest.raises(PolicyError, match="hanse evaluate org/name@"):
        verify(world.evidence(), world.trust(), policy_of(POLICY), want=world.by_rev)
    data = with_said(world, (world.b, EVALUATION, record_of(world, world.b).predicate()))
    found = verify(data, world.trust(), policy_of(POLICY), want=world.by_rev)
    assert [one.member for one in found.facts.evaluations] == ["b.example"]
    assert any(one.rule == "evidence" and "1 institution" in one.says for one in found.decision.results)


def test_a_replayed_record_counts_for_nobody(world: World) -> None:
    """Another's record logged as one's own, or a record about other files, or malformed, is no evaluation."""
    mine = record_of(world, world.b)
    broken = mine.predicate() | {"score": {**mine.predicate()["score"], "low": "nan"}}
    for member, predicate in (
        (world.c, mine.predicate()),
        (world.b, replace(mine, model="0" * 64).predicate()),
        (world.b, broken),
        (world.b, {}),
    ):
        data = with_said(world, (member, EVALUATION, predicate))
        with pytest.raises(PolicyError, match="0 of 1 institutions"):
            verify(data, world.trust(), policy_of(POLICY), want=world.by_rev)


def test_a_countersignature_of_another_member(world: World) -> None:
    """A record reaches a level by a countersignature in another member's log, and by none that is replayed."""
    mine = record_of(world, world.b)
    word = Countersignature(mine.digest, Level.V1, Verdict.AGREES, world.c.origin)
    asked = policy_of(POLICY + "level = 'V1'\n")
    said = (world.b, EVALUATION, mine.predicate())
    found = verify(with_said(world, said, (world.c, _KIND, word.predicate())), world.trust(), asked, want=world.by_rev)
    assert [(one.member, one.level) for one in found.facts.countersigned] == [("c.example", "V1")]
    with pytest.raises(PolicyError, match="not checked at V1"):
        verify(with_said(world, said, (world.b, _KIND, word.predicate())), world.trust(), asked, want=world.by_rev)


def test_a_rate_of_a_fallible_scorer_is_corrected(world: World) -> None:
    """Records of suites whose scorer was held against labels have the corrected interval, with its uncertainty; others none."""
    listed = Listed(world.b.origin, "k", world.b.origin, 1, 2)

    def facts(suite: str) -> Evaluated:
        predicate = replace(record_of(world, world.b), suite=digest_of(suite)).predicate()
        subject = revision_subject(world.revision.repo, world.revision.rev, world.revision.tree)
        found = evaluated(Statement((subject,), EVALUATION, predicate), world.revision.tree, listed)
        assert found is not None
        return found

    assert facts("canary").corrected is None
    refused = facts("refusals")
    wanted = corrected_score(REFUSAL_AGAINST_HARM, refused.value, refused.se, refused.n, refused.clusters).interval
    assert refused.corrected == (wanted.low, wanted.high)
    assert wanted.high - wanted.low > refused.high - refused.low
    assert refused.corrected != facts("harmless").corrected


def test_the_publishers_own_record(world: World) -> None:
    """The record of who owns the name is told apart, so that a policy can ask for independent ones."""
    data = with_said(world, (world.b, EVALUATION, record_of(world, world.b).predicate()))
    assert not verify(data, world.trust(), want=world.by_rev).facts.evaluations[0].owner
    own = record_of(world, world.a)
    by = Listed(world.a.origin, "k", world.a.origin, 1, 2)
    statement = Statement(
        (revision_subject(world.revision.repo, world.revision.rev, world.revision.tree),), EVALUATION, own.predicate()
    )
    made = evaluated(statement, world.revision.tree, by)
    assert made is not None
    assert (made.record, made.n, made.weights) == (own.digest, 400, "local")
    assert countersigned(statement, by) is None


_KIND = predicates.COUNTERSIGNATURE
