"""Statements that are missing are fetched from whose log lists them, and from nobody twice."""

from __future__ import annotations

import pytest
from tests.flows.foreign.conftest import WORD, A, Agreed, B, C
from tests.flows.foreign.test_keep import words

from hanse.errors import PeerDown
from hanse.flows.evidence import of_revision
from hanse.flows.foreign.gather import Gathering
from hanse.flows.witness import find_log


def test_what_is_missing_is_fetched(agreed: Agreed) -> None:
    """Only what cannot be made here is asked for, again after a node that did not answer, and once."""
    three, node = agreed.three, agreed.three[B]
    gathering = Gathering(node, three.wire, 60)
    three.wire.asked.clear()
    gathering.one(find_log(node, C))
    assert not three.wire.asked, "what C signed is made of what is here"
    three.wire.down.add(A)
    with pytest.raises(PeerDown):
        gathering.one(find_log(node, A))
    three.wire.down.clear()
    gathering.one(find_log(node, A))
    gathering.one(find_log(node, A))
    assert len(three.wire.asked) == 2
    assert WORD in words(of_revision(node, agreed.at[B], "main")[1])
    Gathering(node, three.wire, 60).one(find_log(node, A))
    assert len(three.wire.asked) == 2
