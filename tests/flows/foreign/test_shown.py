"""One file of one member shows what all of them say: who agrees, who saw their logs, and where a publisher that is gone stood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.fellows import MAIN, Fellows, fellows
from tests.support.nodes import add_user, commit

from hanse.db.repos import Repo
from hanse.flows.evidence import of_revision
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.publish import PutBytes
from hanse.flows.repos import create_repo
from hanse.flows.trust import Wanted
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.model.decision import Rung
from hanse.model.evidence import parse_evidence
from hanse.model.repo import RepoId, RepoType, Visibility

A, B, C = ("a.example", "b.example", "c.example")
FILES = {f"part-{number}.bin": b"%d" % number * 1000 for number in range(9)}


@pytest.fixture(name="three")
def _three(tmp_path: Path) -> Iterator[Fellows]:
    """Return three members."""
    with fellows(tmp_path, A, B, C) as made:
        yield made


def publish(three: Fellows, origin: str = A) -> Repo:
    """Publish and settle a model of ten files at a member, and let everybody see it."""
    node = three[origin]
    alice = add_user(node, "alice")
    repo = create_repo(node, alice, RepoId(node.origin, RepoType.MODEL, "alice", "m"), Visibility.PUBLIC)
    commit(node, alice, repo, *(PutBytes(path, data) for path, data in FILES.items()))
    three.settle(origin)
    three.round()
    return repo


def verify(three: Fellows, node: Node, repo: Repo, ref: str = "main") -> VerifiedRevision:
    """Verify what a member shows, as somebody who trusts the federation and knows nothing else."""
    evidence = parse_evidence(of_revision(node, repo, ref)[1])
    policy = load_policy("open", node.staging.root)
    want = Wanted(origin=repo.repo.origin, repo="alice/m", ref=MAIN)
    return verify_revision(evidence, three.trust, policy, want, three.clock.now())


def test_one_file_shows_that_three_agree(three: Fellows) -> None:
    """Once two others hold and attest a revision, each member's file alone reaches the top of the ladder, in 20 kB."""
    repo = publish(three)
    assert verify(three, three[A], repo).decision.rung is Rung.ATTESTED
    copies = {A: repo, B: three.copy(A, repo, B)[0], C: three.copy(A, repo, C)[0]}
    three.round()
    for origin, one in copies.items():
        data = of_revision(three[origin], one, "main")[1]
        found = verify(three, three[origin], one)
        assert {log.origin for log in found.logs} == {A, B, C}
        assert {one.member for one in found.attested} == {A, B, C}
        assert all(len(log.witnesses) == len(log.mirrors) == 2 for log in found.logs), origin
        assert found.decision.rung is Rung.WITNESSED
        assert found.notices == ()
        assert found.position is not None
        assert found.position.log.origin == A
        assert len(data) <= 20_000
