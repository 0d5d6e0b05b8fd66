"""Revisions that only others hold."""

from __future__ import annotations

from tests.support.nodes import model

from hanse.db import copies
from hanse.db.copies import Copy
from hanse.flows.node import Node
from hanse.flows.status.elsewhere import elsewhere
from hanse.flows.status.facts import Facts
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin


def test_the_newest_of_each_that_is_not_here(lite: Node) -> None:
    """What is here is left out, and of the rest all but the newest revision; nobody in the logs means that it is lost."""
    row = Copy(lite.origin, "model", "o/m", GitOid("1" * 40), Sha256("2" * 64), 5, copies.WANTED)
    with lite.db.write() as conn:
        other = Copy(Origin("b.example"), "model", "o/m", GitOid("4" * 40), row.tree, 9, copies.REFUSED)
        copies.put_new(conn, [row, other, Copy(lite.origin, "model", "o/n", GitOid("5" * 40), row.tree, 1, copies.LEFT)])
        found = elsewhere(conn, Facts(lite, ""), {model("o/n")})
    assert [(one.repo.origin, one.rev) for one in found] == [("b.example", other.rev), (lite.origin, row.rev)]
    assert [(one.holders, one.loss.number) for one in found] == [((), 0)] * 2
