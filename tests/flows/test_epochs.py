"""The CAS epoch as a process knows it."""

from __future__ import annotations

from hanse.db.state import set_state
from hanse.flows.epochs import Epochs
from hanse.flows.node import Node


def _begin(node: Node, epoch: str) -> None:
    with node.db.write() as conn:
        set_state(conn, "cas_epoch", epoch)


def test_the_catalogue_says_what_the_epoch_is(lite: Node) -> None:
    """What another process changed is known here after a read, and not before."""
    epochs = Epochs(lite.db, "e1")
    _begin(lite, "e2")
    assert epochs.text == "e1"
    assert (epochs.refresh(), epochs.text) == ("e2", "e2")
    _begin(lite, "e3")
    with lite.db.read() as conn:
        assert epochs.read(conn) == "e3"


def test_strangers_cause_one_look_a_second(lite: Node) -> None:
    """However often something that does not fit is presented, the catalogue is asked once a second."""
    now = [5.0]
    epochs = Epochs(lite.db, "e1", monotonic=lambda: now[0])
    assert epochs.look() == "e1"
    _begin(lite, "e2")
    now[0] += 0.9
    assert epochs.look() == "e1"
    now[0] += 0.2
    assert epochs.look() == "e2"
