"""What is read once for all repositories."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.nodes import model, new_repo
from tests.support.trusting import federation_of

from hanse.errors import NotFoundError
from hanse.flows.federation.kept import COPIES, FederationFiles
from hanse.flows.node import Node
from hanse.flows.repos import set_copies, set_gated
from hanse.flows.status.facts import Facts
from hanse.model.actor import Actor
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, Visibility
from hanse.policy.copies import parse_copies

OTHER = Origin("other.example")


def test_copies_that_are_wanted(lite: Node, owner: Actor) -> None:
    """As many as the rules say, the node's own where it is in no federation; one of what is not everybody's or no member's."""
    facts = Facts(replace(lite, rules=parse_copies('copies = 2\n[[rule]]\nlicence = "mit"\ncopies = 5')), "")
    open_repo, secret = new_repo(lite, owner, "owner/m"), new_repo(lite, owner, "owner/s", Visibility.PRIVATE)
    licensed = replace(open_repo, card='{"license": "mit"}')
    upstream = replace(open_repo, repo=replace(open_repo.repo, origin=Origin("hub.example")), mirrored=True)
    found = [facts.target_here(one, 7) for one in (open_repo, licensed, secret, replace(open_repo, gated="auto"), upstream)]
    assert found == [2, 5, 1, 1, 1]
    gated = set_gated(lite, owner, open_repo, "auto")
    assert facts.target_here(gated, 7) == 1
    set_copies(lite, owner, gated, allowed=True)
    assert facts.target_here(gated, 7) == 2  # members may hold it for repair


def test_members_and_those_who_could_hold_more(lite: Node, tmp_path: Path) -> None:
    """Members with capacity who do not hold a revision are named; without rules three copies are wanted."""
    files = FederationFiles(tmp_path)
    files.keep(federation_of(lite, "https://a.example", "https://other.example"))
    facts = Facts(replace(lite, federations=files), "strict")
    assert set(facts.members) == {lite.origin, OTHER}
    assert COPIES not in facts.federations[0].files
    one = facts.stand(model("a/b"), GitOid("1" * 40), 5, {lite.origin}, facts.target(model("a/b"), 5, ""))
    assert (one.could, one.target, one.missing, one.holders) == ((OTHER,), 3, 2, (lite.origin,))
    with pytest.raises(NotFoundError):
        Facts(lite, "lenient")
