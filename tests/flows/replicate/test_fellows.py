"""Who counts as a member that can hold copies: who is listed, answers, and passed audits."""

from __future__ import annotations

import pytest
from tests.support.copying import HOME, Pair

from hanse.db import sightings, witnesses
from hanse.db.sightings import Said
from hanse.errors import NotFoundError
from hanse.flows.replicate.fellows import addresses, holders, look, member_named
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RepoId, RepoType

REPO = RepoId(HOME, RepoType.MODEL, "alice", "m")
REV, TREE = GitOid("1" * 40), Sha256("2" * 64)


def test_who_is_silent_or_failed_does_not_count(two: Pair) -> None:
    """A member whose log has not answered for too long is passed over, unless this node reaches nobody at all."""
    view = two.view()
    assert view.present == {HOME, two.node.origin}
    assert [one.origin for one in view.sites if one.capacity] == [two.node.origin]
    with two.node.db.write() as conn:
        witnesses.set_followed(conn, HOME, two.node.clock.now())
        witnesses.set_failure(conn, HOME, "down")
    two.node.clock.time += 5000  # type: ignore[attr-defined]
    alone = look(two.node, silent=4000)
    assert alone is not None
    assert HOME in alone.present, "nobody answers, so it is this node that is cut off"
    failed = look(two.node, silent=10**6, failed={HOME, two.node.origin})
    assert failed is not None
    assert failed.present == {two.node.origin}


def test_holders_are_who_says_so(two: Pair) -> None:
    """Everybody with a statement about just this tree in his log counts; who is not present is left out where that is asked."""
    with two.node.db.write() as conn:
        rows = [Said(log, 1, HOME, "model", "alice/m", REV, TREE, 5) for log in (HOME, Origin("x.example"))]
        sightings.put(conn, [*rows, Said(Origin("y.example"), 1, HOME, "model", "alice/m", REV, Sha256("3" * 64), 5)])
    assert holders(two.node, REPO, REV, TREE) == {HOME, Origin("x.example")}
    assert holders(two.node, REPO, REV, TREE, two.view().present) == {HOME}


def test_members_are_found_by_what_people_call_them(two: Pair) -> None:
    """Origin, namespace and address name a member; this node has no address for itself."""
    view = two.view()
    assert {member_named(view, name).origin for name in ("HOME.example", "alice", two.url + "/")} == {HOME}
    with pytest.raises(NotFoundError):
        member_named(view, "nobody")
    assert addresses(view, [HOME, view.me, Origin("gone.example")]) == (two.url,)


def test_without_a_federation_nobody_is_there(two: Pair) -> None:
    """A node that is in no federation holds nothing for anybody."""
    assert look(two.home, silent=100) is None
