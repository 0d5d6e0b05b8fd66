"""Who counts as a holder."""

from __future__ import annotations

from tests.support.attesting import settle
from tests.support.audited import MEMBER, says_so
from tests.support.nodes import commit, new_repo

from hanse.db import audits
from hanse.db.audits import Audited
from hanse.flows.audits.counted import failed, failing, holders
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

OTHER = Origin("c.example")
GONE = Audited(MEMBER, failing=True, outcome="silent")


def test_who_says_so_holds_it_unless_audits_fail(lite: Node, owner: Actor) -> None:
    """By the logs, this node's included; under another tree nobody does; who failed is left out."""
    repo = new_repo(lite, owner, "owner/m")
    made = commit(lite, owner, repo, PutBytes("a", b"1"))
    assert holders(lite, repo, made.rev, made.tree) == frozenset()
    settle(lite)
    says_so(lite)
    says_so(lite, OTHER)
    assert holders(lite, repo, made.rev, made.tree) == {lite.origin, MEMBER, OTHER}
    assert holders(lite, repo, made.rev, Sha256("0" * 64)) == {lite.origin}
    with lite.db.write() as conn:
        audits.put(conn, GONE)
    assert failed(lite) == {MEMBER}
    assert holders(lite, repo, made.rev, made.tree) == {lite.origin, OTHER}


def test_silence_of_everybody_is_ones_own() -> None:
    """If all of several members are silent, this node is probably cut off; false bytes count all the same."""
    other = Audited(OTHER, failing=True, outcome="silent")
    assert failing({MEMBER: GONE}) == {MEMBER}
    assert failing({MEMBER: GONE, OTHER: other}) == frozenset()
    assert failing({MEMBER: GONE, OTHER: Audited(OTHER, outcome="served")}) == {MEMBER}
    assert failing({MEMBER: GONE, OTHER: Audited(OTHER, failing=True, outcome="false")}) == {MEMBER, OTHER}
