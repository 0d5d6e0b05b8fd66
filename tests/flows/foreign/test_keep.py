"""What was verified about a copy is kept and shown beside the node's own evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.copying import Pair, pair
from tests.support.nodes import add_user, new_repo

from hanse.errors import BadFormat
from hanse.flows import evidence
from hanse.flows.foreign.keep import keep_evidence, with_kept
from hanse.model.digest import GitOid
from hanse.model.evidence import parse_evidence


@pytest.fixture(name="two")
def _two(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path) as made:
        yield made


def test_kept_evidence_is_shown(two: Pair) -> None:
    """The kept file of a revision is merged with the own one; what is no manifest is not kept, and other revisions have none."""
    rev = GitOid(two.publish({"a.txt": b"1"}))
    assert two.publisher.repo is not None
    _, data = evidence.of_revision(two.home, two.publisher.repo, rev)
    repo = new_repo(two.node, add_user(two.node, "bob"), "bob/m")
    keep_evidence(two.node, repo, data)
    assert parse_evidence(with_kept(two.node, repo, rev, b"")).bundles == parse_evidence(data).bundles
    assert with_kept(two.node, repo, GitOid("0" * 40), b"own") == b"own"
    with pytest.raises(BadFormat):
        keep_evidence(two.node, repo, b"")
