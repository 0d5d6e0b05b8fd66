"""What members know of each other's evaluations of one revision, and what a reader's policy makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.flows.foreign.conftest import A, Agreed, B, C, Template, opened
from tests.support.attesting import wait
from tests.support.openaiserver import Adder, Model, sums
from tests.support.verifying import policy_of, verify

from hanse.errors import NotFoundError, PolicyError
from hanse.evals.builtin import GENERATED
from hanse.evals.compare import Verdict
from hanse.evals.countersignature import COUNTERSIGNATURE, Countersignature, Level
from hanse.flows import access, bundles
from hanse.flows.attest import enter
from hanse.flows.evaluate.publish import publish
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.flows.evaluations.listed import of_revision, to_json
from hanse.flows.evidence import of_revision as evidence_of
from hanse.flows.foreign.gather import Gathering
from hanse.flows.node import Node
from hanse.flows.suites.find import digest_of, name_of
from hanse.flows.trust import Wanted
from hanse.flows.witness import find_log
from hanse.model.repo import RepoType
from hanse.sign.statement import Statement, revision_subject


def ran(agreed: Agreed, origin: str, folder: Path, *sizes: int) -> list[Read]:
    """Let a member run suites of so many sums on the revision, and log the records."""
    node, repo = agreed.three[origin], agreed.at[origin]
    revision = access.resolve_revision(node, repo, "main")
    subject = replace(of_endpoint("http://api.example", "adder"), tree=revision.tree)
    found = []
    for size in sizes:
        evaluate(Order(sums(size), subject, folder / str(size), node.origin), Adder(Model()))
        found.append(read_run(folder / str(size)))
        publish(node, repo, revision, found[-1])
    wait(node)
    return found


def say(agreed: Agreed, origin: str, about: Read, verdict: Verdict) -> None:
    """Let a member log a countersignature of a record."""
    node, repo = agreed.three[origin], agreed.at[origin]
    revision = access.resolve_revision(node, repo, "main")
    word = Countersignature(about.record.digest, Level.V1, verdict, node.origin)
    said = Statement((revision_subject(repo.repo, revision.rev, revision.tree),), COUNTERSIGNATURE, word.predicate())
    enter(node, repo, revision, bundles.sign(node.store, said, node.keys.attest), COUNTERSIGNATURE)
    wait(node)


def gathered(agreed: Agreed, origin: str) -> Node:
    """Let everybody follow everybody, and a member fetch what others' logs list."""
    agreed.three.round()
    node = agreed.three[origin]
    for other in agreed.three.nodes:
        if other != origin:
            Gathering(node, agreed.three.wire, 60).one(find_log(node, other))
    return node


@pytest.mark.soak
def test_members_know_each_others_records(tmp_path: Path, template: Template) -> None:
    """A node lists two suites of one member and one of another with the words on them, and its evidence file carries them all."""
    with opened(template, tmp_path / "members") as agreed:
        three = agreed.three
        first, _ = ran(agreed, A, tmp_path / "runs-a", 20, 30)
        ran(agreed, C, tmp_path / "runs-c", 20)
        say(agreed, C, first, Verdict.AGREES)
        node = gathered(agreed, B)
        found = to_json(of_revision(node, agreed.at[B], "main"))
        counts = {one["suite"]: one for one in found["suites"]}
        assert {suite: one["institutions"] for suite, one in counts.items()} == {sums(20).digest: 2, sums(30).digest: 1}
        assert [(one["member"], one["level"]) for one in counts[sums(20).digest]["records"]] == [(A, "V1"), (C, "V0")]
        own = to_json(of_revision(three[A], agreed.at[A], "main"))
        assert len(own["suites"]) == 2, "a node lists its own without asking anybody"
        data = evidence_of(node, agreed.at[B], "main")[1]
        asked = f"policy = 1\nbase = 'open'\n[[evidence]]\nsuite = '{sums(20).digest}'\ninstitutions = 2\nweights = 'claimed'\n"
        want = Wanted(type=RepoType.MODEL, repo="alice/m", ref="refs/heads/main")
        now = three.clock.now()
        flat = asked + "degenerate = true\nat_least = 0.1\n"
        assert verify(data, three.trust, policy_of(flat), want=want, now=now).facts.evaluations
        with pytest.raises(PolicyError, match="1 not checked at V1 by another"):
            verify(data, three.trust, policy_of(flat + "level = 'V1'\n"), want=want, now=now)
        say(agreed, C, first, Verdict.INVALID)
        data = evidence_of(gathered(agreed, B), agreed.at[B], "main")[1]
        with pytest.raises(PolicyError, match="disagrees"):
            verify(data, three.trust, policy_of(flat), want=want, now=now)
        listed = to_json(of_revision(node, agreed.at[B], "main"))["suites"]
        assert sorted(one["disagreements"] for one in listed) == [[], [C]]


def test_suites_by_name() -> None:
    """A shipped suite is known by its name, and its digest gives the name back; no other is."""
    name = next(iter(GENERATED))
    assert name_of(digest_of(name)) == name
    assert not name_of("0" * 64)
    with pytest.raises(NotFoundError, match="no suite"):
        digest_of("../x")
