"""Statements of others' advisories are fetched from whose they are, and kept only if they are what the leaf lists."""

from __future__ import annotations

import pytest
from tests.flows.foreign.conftest import A, Agreed, B, C
from tests.support.advising import record
from tests.support.attesting import wait

from hanse.errors import PeerDown
from hanse.flows.advisories import book
from hanse.flows.advisories.fetch import fetch
from hanse.flows.advisories.issue import issue, withdraw
from hanse.flows.witness import find_log

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("lie", [False, True])
def test_fetched_once(agreed: Agreed, lie: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the statement is here nobody is warned; a node that does not answer is asked again, a false answer is not kept."""
    three, node = agreed.three, agreed.three[A]
    name = f"HANSE-F-{lie:d}"
    issue(three[C], record(name))
    wait(three[C])
    three.round()
    assert [one.advisory for one in book.find(node, name, C)] == [None]
    three.wire.down.add(C)
    with pytest.raises(PeerDown):
        fetch(node, three.wire, find_log(node, C))
    three.wire.down.clear()
    if lie:
        other = issue(three[B], record("HANSE-OTHER"))
        with monkeypatch.context() as patched:
            patched.setattr("tests.support.fellows.bundle_of", lambda *_: book.bundle_of(three[B], other.payload))
            assert fetch(node, three.wire, find_log(node, C)) == 0
        withdraw(three[B], "HANSE-OTHER")
        wait(three[B])
    assert fetch(node, three.wire, find_log(node, C)) == 1
    assert fetch(node, three.wire, find_log(node, C)) == 0
    found = book.find(node, name)[0]
    assert found.advisory is not None
    assert book.bundle_of(node, found.payload) == book.bundle_of(three[C], found.payload)
    withdraw(three[C], name)
    wait(three[C])
    three.round()
    fetch(node, three.wire, find_log(node, C))
