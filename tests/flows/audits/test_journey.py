"""One audit from end to end: drawn, asked, counted, logged; false bytes are an alarm."""

from __future__ import annotations

import json
import random

import pytest
from sqlalchemy import Connection
from tests.support.attesting import settle, wait
from tests.support.audited import MEMBER, FilesPlace, says_so
from tests.support.nodes import TickingClock, commit, new_repo

from hanse.db import alarms, attestations, audits
from hanse.db.repos import Repo
from hanse.errors import PeerDown
from hanse.flows.audits.counted import failed
from hanse.flows.audits.journey import LOG_SECONDS, audit
from hanse.flows.audits.tally import FAILURES, GOOD
from hanse.flows.evidence import of_revision
from hanse.flows.gitattributes import DEFAULT_GITATTRIBUTES
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.leaf import parse_leaf
from hanse.model.predicates import AUDIT
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import parse_bundle_json, verify_bundle
from hanse.store.keys import attestation_key

DATA = random.Random(6).randbytes(300_000)
FILES = {"w.bin": DATA, ".gitattributes": DEFAULT_GITATTRIBUTES}
"""All that the repository has: which file is asked for depends on keys that are new in every run."""
FALSE = {path: b"\0" * len(data) for path, data in FILES.items()}


@pytest.fixture(name="held")
def _held(lite: Node, owner: Actor) -> Repo:
    """Return a repository that both this node and the member say they hold."""
    repo = new_repo(lite, owner, "owner/m")
    commit(lite, owner, repo, PutBytes("w.bin", DATA))
    settle(lite)
    says_so(lite)
    return repo


def _logged(node: Node) -> list[AttestLeaf]:
    wait(node)
    leaves = [parse_leaf(data) for data in node.log.leaves(0, node.log.size)]
    return [leaf for leaf in leaves if isinstance(leaf, AttestLeaf) and leaf.predicate == AUDIT]


def _later(node: Node, seconds: int) -> None:
    assert isinstance(node.clock, TickingClock)
    node.clock.time += seconds


def test_a_good_answer_is_logged_once_a_day(lite: Node, held: Repo) -> None:
    """The first audit goes into the log as a signed statement of the node, later ones only after a day."""
    place = FilesPlace(FILES)
    assert (done := audit(lite, MEMBER, place)) is not None
    assert (done.asked, done.served, done.outcome, done.failing) == (1, 1, "served", False)
    audit(lite, MEMBER, place)
    assert len(_logged(lite)) == 1
    _later(lite, LOG_SECONDS)
    audit(lite, MEMBER, place)
    last = _logged(lite)[-1]
    assert (len(_logged(lite)), last.must, last.repo) == (2, False, held.repo.folded)
    data = lite.store.get(attestation_key(last.payload.sha256, last.key))
    told = verify_bundle(parse_bundle_json(data), lite.keys.attest.public).statement.predicate
    assert told["record"] == {"asked": 3, "served": 3, "inARow": 3, "failing": False}
    assert told["seed"]["member"] == MEMBER


def test_audits_are_no_part_of_a_revisions_evidence(lite: Node, held: Repo) -> None:
    """What is about a member does not make the evidence of a model longer."""
    before = of_revision(lite, held, "main")
    for _ in range(3):
        audit(lite, MEMBER, FilesPlace(FALSE))
    wait(lite)
    assert len(of_revision(lite, held, "main")[1].splitlines()) == len(before[1].splitlines())


def test_false_bytes_are_an_alarm_and_count_at_once(lite: Node, held: Repo) -> None:
    """The evidence names the leaf by which the member says it holds the file, and what came instead."""
    done = audit(lite, MEMBER, FilesPlace(FALSE))
    assert done is not None
    assert done.failing
    assert failed(lite) == {MEMBER}
    with lite.db.read() as conn:
        (alarm,) = alarms.every(conn)
    assert (alarm.kind, alarm.origin, alarm.repo) == ("false-bytes", MEMBER, held.repo.path)
    told = json.loads(alarm.evidence)
    leaf = parse_leaf(lite.log.leaves(told["leaf"], told["leaf"] + 1)[0])  # the member's log says the same here
    assert isinstance(leaf, AttestLeaf)
    assert (leaf.rev, leaf.tree) == (told["repo"]["rev"], told["repo"]["tree"])
    assert told["chunkServed"] not in told["chunks"]
    assert len(_logged(lite)) == 1


def test_a_member_that_is_gone_fails_and_comes_back(lite: Node, held: Repo) -> None:
    """Silence in a row makes a member no holder, good answers in a row one again; both changes are logged."""
    assert held.public
    for _ in range(FAILURES):
        done = audit(lite, MEMBER, FilesPlace({}, PeerDown("down")))
    assert done is not None
    assert (done.failing, done.outcome) == (True, "silent")
    assert len(_logged(lite)) == 2  # the first one, and that it fails
    for _ in range(GOOD):
        done = audit(lite, MEMBER, FilesPlace(FILES))
    assert done is not None
    assert not done.failing
    assert len(_logged(lite)) == 3


def test_a_crash_between_counting_and_logging(lite: Node, held: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted and not logged is logged by the next audit."""
    assert held.public

    def crash(conn: Connection, row: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(attestations, "put", crash)
    with pytest.raises(RuntimeError):
        audit(lite, MEMBER, FilesPlace(FILES))
    monkeypatch.undo()
    with lite.db.read() as conn:
        assert (audits.get(conn, MEMBER).asked, audits.get(conn, MEMBER).logged_at) == (1, 0)
    audit(lite, MEMBER, FilesPlace(FILES))
    assert len(_logged(lite)) == 1


def test_nothing_to_ask_for(lite: Node) -> None:
    """A member that holds nothing that is held here is not asked, and not counted."""
    place = FilesPlace({})
    assert audit(lite, MEMBER, place) is None
    assert place.asked == []
