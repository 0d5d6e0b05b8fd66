"""Who should hold what follows from logs, list and rules, for every member alike."""

from __future__ import annotations

from dataclasses import replace

from tests.support.copying import HOME, Pair
from tests.support.founders import Founder

from hanse.db import copies, sightings
from hanse.db.sightings import Said
from hanse.flows.replicate.fellows import View
from hanse.flows.replicate.plan import Wishes, decide, missing, review, take_note
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin
from hanse.policy.copies import Copies
from hanse.policy.placement import ranking

OTHERS = [Origin(f"m{at}.example") for at in range(4)]


def _settled(two: Pair, count: int, *, log: Origin = HOME) -> None:
    rows = [
        Said(log, 100 + at, HOME, "model", f"alice/m{at}", GitOid(f"{at:040x}"), Sha256(f"{at:064x}"), two.node.clock.now())
        for at in range(count)
    ]
    with two.node.db.write() as conn:
        sightings.put(conn, rows)


def _view(two: Pair, copies_wanted: int) -> View:
    """Return a view with four more members, who offer as much as this node does."""
    found = two.view()
    more = {one: replace(Founder(one).member, capacity=10**9) for one in OTHERS}
    return View(found.me, {**found.members, **more}, found.present | set(OTHERS), Copies(copies_wanted))


def test_the_first_of_the_order_hold(two: Pair) -> None:
    """A node wants exactly what the order gives it; what others settled in their logs about it is no settling."""
    _settled(two, 30)
    _settled(two, 3, log=OTHERS[0])
    view = _view(two, 3)
    assert take_note(two.node, view, Wishes()) == 30
    assert take_note(two.node, view, Wishes()) == 0
    mine = {row.repo for row in two.rows() if row.state == copies.WANTED}
    from hanse.flows.replicate.release import named

    assert mine == {row.repo for row in two.rows() if view.me in ranking(named(row), view.sites)[:2]}
    assert 0 < len(mine) < 30


def test_who_leaves_is_made_good(two: Pair) -> None:
    """When members vanish, what was left to them is decided anew, and nothing that was wanted is left."""
    _settled(two, 30)
    view = _view(two, 3)
    take_note(two.node, view, Wishes())
    before = {row.repo for row in two.rows() if row.state == copies.WANTED}
    fewer = replace(view, present=view.present - set(OTHERS[:2]))
    last = review(two.node, fewer, Wishes(), None)
    assert last is not None
    assert review(two.node, fewer, Wishes(), last) is None
    after = {row.repo for row in two.rows() if row.state == copies.WANTED}
    assert before < after


def test_what_nobody_fetched_in_time_the_next_ones_hold(two: Pair) -> None:
    """After the grace those who hold nothing are passed over; who holds it counts."""
    _settled(two, 20)
    view = _view(two, 2)
    take_note(two.node, view, Wishes(grace=100))
    (row, *_) = [one for one in two.rows() if one.state == copies.LEFT and ranking_of(view, one).index(view.me) == 1]
    assert decide(two.node, view, Wishes(grace=100), row) == copies.LEFT
    two.node.clock.time += 101  # type: ignore[attr-defined]
    assert decide(two.node, view, Wishes(grace=100), row) == copies.WANTED
    first = ranking_of(view, row)[0]
    with two.node.db.write() as conn:
        sightings.put(conn, [Said(first, 9, HOME, "model", row.repo, row.rev, row.tree, 1)])
    assert decide(two.node, view, Wishes(grace=100), row) == copies.LEFT
    assert missing(two.node, view, [row]) == {row.key: 0} or missing(two.node, view, [row]) == {}


def ranking_of(view: View, row: copies.Copy) -> tuple[Origin, ...]:
    """Return the order of members for a row."""
    from hanse.flows.replicate.release import named

    return ranking(named(row), view.sites)


def test_pins_are_held_and_nonsense_is_left(two: Pair) -> None:
    """What the operator pins is wanted whatever the rules say; a name that is none is left alone."""
    _settled(two, 1)
    alone = _view(two, 1)
    take_note(two.node, alone, Wishes())
    (row,) = two.rows()
    assert row.state == copies.LEFT
    assert decide(two.node, alone, Wishes(pins=("alice/*",)), row) == copies.WANTED
    assert decide(two.node, alone, Wishes(pins=("*/*",)), replace(row, repo="..//x")) == copies.LEFT
