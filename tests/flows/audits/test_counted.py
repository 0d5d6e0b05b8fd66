"""Who counts as a holder."""

from __future__ import annotations

from tests.support.audited import MEMBER

from hanse.db import audits
from hanse.db.audits import Audited
from hanse.flows.audits.counted import failed, failing
from hanse.flows.node import Node
from hanse.model.repo import Origin

OTHER = Origin("c.example")
GONE = Audited(MEMBER, failing=True, outcome="silent")


def test_who_fails_audits_does_not_count(lite: Node) -> None:
    """What audits came to is read from the catalogue; before any nobody fails."""
    assert failed(lite) == frozenset()
    with lite.db.write() as conn:
        audits.put(conn, GONE)
    assert failed(lite) == {MEMBER}


def test_silence_of_everybody_is_ones_own() -> None:
    """If all of several members are silent, this node is probably cut off; false bytes count all the same."""
    other = Audited(OTHER, failing=True, outcome="silent")
    assert failing({MEMBER: GONE}) == {MEMBER}
    assert failing({MEMBER: GONE, OTHER: other}) == frozenset()
    assert failing({MEMBER: GONE, OTHER: Audited(OTHER, outcome="served")}) == {MEMBER}
    assert failing({MEMBER: GONE, OTHER: Audited(OTHER, failing=True, outcome="false")}) == {MEMBER, OTHER}
