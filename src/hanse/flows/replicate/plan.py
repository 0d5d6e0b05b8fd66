"""Which settled revisions this node should hold: read from members' logs, decided by every member alike.

A revision is settled when its own member's log has an `attest` leaf about it; nobody acts on clocks of others. What is to be done
follows from the catalogue alone, so that a process that ends leaves nothing to tidy up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hanse.db import copies
from hanse.db.copies import Copy
from hanse.errors import HanseError
from hanse.flows.node import Node
from hanse.flows.replicate.fellows import View, holders
from hanse.flows.replicate.release import named
from hanse.model.repo import Origin
from hanse.policy.copies import Subject, matches
from hanse.policy.placement import holds, ranking, wanted

BATCH = 500


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator asks for besides the rules. pins: shell patterns of what this node holds in any case.

    grace: seconds that those who should hold a copy have, before the next ones do it.
    """

    pins: tuple[str, ...] = ()
    grace: int = 86400


def take_note(node: Node, view: View, wishes: Wishes) -> int:
    """Take down what members settled since the last time, and whether this node should hold it; return how many that are."""
    others = set(view.members) - {view.me}
    if not others:
        return 0
    with node.db.read() as conn:
        new = copies.unplanned(conn, others, BATCH)
    rows = [replace(one, state=decide(node, view, wishes, one), changed_at=node.clock.now()) for one in new]
    with node.db.write() as conn:
        copies.put_new(conn, rows)
    return len(rows)


def review(node: Node, view: View, wishes: Wishes, after: Copy | None) -> Copy | None:
    """Decide anew about some of what was left to others; return the last of them, None if there was nothing any more."""
    with node.db.read() as conn:
        left = copies.in_state(conn, [copies.LEFT], BATCH, after)
    found = [one for one in left if decide(node, view, wishes, one) == copies.WANTED]
    if found:
        with node.db.write() as conn:
            for one in found:
                copies.set_state(conn, one.key, copies.WANTED, node.clock.now(), tries=0, says="")
    return left[-1] if left else None


def decide(node: Node, view: View, wishes: Wishes, copy: Copy) -> str:
    """Return `wanted` or `left` for a revision that this node does not hold."""
    try:
        repo = named(copy)
    except HanseError:  # the log of a member may say anything
        return copies.LEFT
    pinned = any(matches(one, repo) for one in wishes.pins)
    if pinned:
        return copies.WANTED
    target = view.rules.target(Subject(repo, copy.size, copy.licence, pinned))
    order = ranking(repo, view.sites)
    many = wanted(target, home=copy.origin in view.present)
    if view.me in order[:many]:
        return copies.WANTED
    if view.me not in order or not many:
        return copies.LEFT
    late = node.clock.now() - max(copy.settled_at, copy.changed_at) > wishes.grace if copy.changed_at else False
    there = holders(node, repo, copy.rev, copy.tree, view.present) - {copy.origin} if late else set[Origin]()
    return copies.WANTED if holds(view.me, order, many, there, late=late) else copies.LEFT


def missing(node: Node, view: View, rows: Sequence[Copy]) -> dict[tuple[str, str, str, str], int]:
    """Return how many copies of each revision are missing to its target, where any are."""
    found = {}
    for one in rows:
        try:
            repo = named(one)
        except HanseError:
            continue
        target = view.rules.target(Subject(repo, one.size or 0, one.licence or ""))
        have = len(holders(node, repo, one.rev, one.tree, view.present))
        if have < target:
            found[one.key] = target - have
    return found
