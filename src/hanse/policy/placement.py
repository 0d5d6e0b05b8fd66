"""Which members hold a repository: rendezvous hashing, weighted by the capacity that each offers.

Every member ranks all members for a repository by itself, and all come to the same order: nobody hands out tasks. Whoever joins
or leaves changes the order of nobody else, so that only what has to move moves. All revisions of a repository are placed alike,
because they share chunks.

The home of a repository holds it anyway. Of the others the first ones of the order hold as many copies as are missing to the
target. If one of them does not hold its copy after a while, the next ones in the order do it in its place.

Pure: no IO, no clock, no randomness.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hanse.model.canonical import canonical
from hanse.model.repo import Origin, RepoId

MAX_COPIES = 64


@dataclass(frozen=True, slots=True)
class Site:
    """A member that may hold copies. capacity: bytes that it offers to others, 0 for none."""

    origin: Origin
    capacity: int


def ranking(repo: RepoId, sites: Collection[Site]) -> tuple[Origin, ...]:
    """Return the members that offer capacity, in the order in which they hold a repository that is at home with none of them.

    The home itself is left out. A member with twice the capacity comes first twice as often.
    """
    offers = [one for one in sites if one.capacity > 0 and one.origin != repo.origin]
    return tuple(one.origin for one in sorted(offers, key=lambda one: (_score(repo, one), one.origin)))


def _score(repo: RepoId, site: Site) -> float:
    """Return an exponentially distributed number whose rate is the capacity: the smallest of several is of whom by capacity."""
    named = canonical([repo.origin, repo.type.value, repo.folded, site.origin])
    number = int.from_bytes(hashlib.sha256(named).digest()[:8], "big")
    return -math.log((number + 1) / 2**64) / site.capacity


def wanted(target: int, *, home: bool) -> int:
    """Return how many copies besides the home's are wanted for a target; home: whether the home counts as a holder."""
    return max(0, min(target, MAX_COPIES) - (1 if home else 0))


def holds(me: Origin, order: tuple[Origin, ...], copies: int, holders: Collection[Origin], *, late: bool) -> bool:
    """Tell whether a member should hold a repository.

    order: as `ranking` gives it; copies: wanted besides the home's; holders: who says that he has it, the home left out; late:
    those who should have it had long enough, so that the next ones take the places of those who do not.
    """
    if me in order[:copies]:
        return True
    if not late:
        return False
    missing = copies - sum(one in order for one in set(holders) - {me})
    without = [one for one in order[copies:] if one not in holders or one == me]
    return me in without[: max(0, missing)]


def moves(before: Mapping[RepoId, Collection[Origin]], after: Mapping[RepoId, Collection[Origin]]) -> int:
    """Return how many copies are new in a placement: what a change of the members costs."""
    return sum(len(set(after[repo]) - set(before.get(repo, ()))) for repo in after)
