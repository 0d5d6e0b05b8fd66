"""A policy as values: what each of its tables asks for. `hanse.policy.parse` makes them from TOML, docs/policy.md explains them.

Groups name institutions, by the origin of their log, and single keys, by fingerprint. A group is a union: of its members, its
keys and other groups. `anyone` is the group of everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from hanse.model.decision import Rung

FORM = 1
"""Version of the TOML form."""
ANYONE = "anyone"


class Consequence(str, Enum):
    """What follows from something that is not as it should be, from the mildest on; ordered by `rank`."""

    ALLOW = "allow"
    WARN = "warn"
    REFUSE = "refuse"

    @property
    def rank(self) -> int:
        """Position in the order allow, warn, refuse."""
        return list(Consequence).index(self)


@dataclass(frozen=True, slots=True)
class Group:
    """Who belongs to a group. members: origins; keys: fingerprints; groups: names of other groups, whose members belong too."""

    members: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Threshold:
    """`need` different members of the group `of`."""

    need: int
    of: str = ANYONE


@dataclass(frozen=True, slots=True)
class Quorum:
    """Thresholds that must all be met. Where `need` is 0 and there is nothing else, nothing is asked.

    logs: origin -> the tlog-policy that stands in for the thresholds at that log; files: origin -> the file to read it from.
    """

    need: int = 0
    of: str = ANYONE
    also: tuple[Threshold, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Threshold, ...]:
        """The thresholds that ask for anybody."""
        return tuple(one for one in (Threshold(self.need, self.of), *self.also) if one.need)

    def asks(self, origin: str) -> bool:
        """Tell whether anything is asked of the log `origin`."""
        return bool(self.parts) or self.own(origin)

    def own(self, origin: str) -> bool:
        """Tell whether the log `origin` has a tlog-policy of its own."""
        return origin in self.logs or origin in self.files


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the word of others may be. max_age, warn_age: seconds; latest, pinned: what follows beyond max_age."""

    max_age: int
    warn_age: int
    latest: Consequence
    pinned: Consequence


@dataclass(frozen=True, slots=True)
class Obeyed:
    """A group whose single members' advisories refuse. kinds: which, none for all."""

    of: str
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Advisories:
    """How old a map of advisories may be, and whose advisories refuse.

    max_age: seconds; maps: of how many members, 0 for all known ones but `need` - 1; stale: what follows where they are unknown;
    need: so many members of `of` refuse together; obey: whose single word does.
    """

    max_age: int
    maps: int
    stale: Consequence
    need: int = 2
    of: str = ANYONE
    obey: tuple[Obeyed, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """What follows from which verdict and coverage. of: the group whose scans count beside one made here."""

    of: str
    caution: Consequence
    suspicious: Consequence
    malicious: Consequence
    inconclusive: Consequence
    error: Consequence
    missing: Consequence


@dataclass(frozen=True, slots=True)
class Pins:
    """Trust on first use. first_use: what follows from a key never met before; changed: from another key than the pinned one."""

    first_use: Consequence
    changed: Consequence


@dataclass(frozen=True, slots=True)
class Owner:
    """Names and their owners. change: what follows from another owner key without a transfer; held: owners hold their keys."""

    change: Consequence
    held: bool


RATES = ("worse", "corrected")
"""What bounds are held against: the worse of a score's interval and its corrected one, or the corrected one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is asked of evaluations by one suite. suite: its name or digest; digest: "" until a name is looked up.

    of: whose records and countersignatures count; at_least, at_most: bounds on the ends of the interval; level: at which another
    member must have checked each record; weights: what must be known of them at least; max_age: seconds, 0 for any; rate: which
    end of an interval the bounds are held against where a scorer's errors are known, one of `RATES`; missing, disagree: what
    follows where that is not there, and where a member disagrees.
    """

    suite: str
    of: str = ANYONE
    at_least: float | None = None
    at_most: float | None = None
    institutions: int = 1
    independent: bool = False
    level: str = "V0"
    numerics_classes: int = 1
    weights: str = "local"
    max_age: int = 0
    degenerate: bool = False
    rate: str = RATES[0]
    missing: Consequence = Consequence.REFUSE
    disagree: Consequence = Consequence.REFUSE
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What must hold before a revision is used. base: the preset that fills in what its file leaves out.

    broken: why there is no usable policy; then everything is refused.
    """

    name: str
    base: str
    rung: Rung
    signers: Quorum
    witness: Quorum
    mirror: Quorum
    freshness: Freshness
    advisories: Advisories
    scan: Scan
    pins: Pins
    owner: Owner
    groups: Mapping[str, Group] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    broken: str = ""


def is_in(groups: Mapping[str, Group], name: str, member: str, key: str) -> bool:
    """Tell whether a member (origin, or empty) or a key (fingerprint) belongs to a group; nobody is in an unknown one."""
    if name == ANYONE:
        return True
    everyone = flatten(groups, name)
    return (bool(member) and member in everyone.members) or (bool(key) and key in everyone.keys)


def flatten(groups: Mapping[str, Group], name: str) -> Group:
    """Return the group `name` with all members and keys of the groups in it; `anyone` in it is left out."""
    seen: set[str] = set()
    waiting = [name]
    members: set[str] = set()
    keys: set[str] = set()
    while waiting:
        current = waiting.pop()
        if current in seen or current not in groups:
            continue
        seen.add(current)
        group = groups[current]
        members |= group.members
        keys |= group.keys
        waiting += group.groups
    return Group(frozenset(members), frozenset(keys))


def most(pairs: Iterable[tuple[str, str]]) -> int:
    """Return how many of the (member, key) pairs are different in both: one key never counts for two members, nor the reverse.

    An empty member stands for its key. This is the size of a maximum matching, so more pairs never count less.
    """
    edges: dict[str, list[str]] = {}
    for member, key in pairs:
        edges.setdefault(member or f"key:{key}", []).append(key)
    owner: dict[str, str] = {}
    return sum(_place(member, edges, owner) for member in edges)


def _place(first: str, edges: Mapping[str, list[str]], owner: dict[str, str]) -> bool:
    """Find a key for one more member, moving others to other keys where that helps (an augmenting path, without recursion)."""
    came: dict[str, str] = {}  # key -> the member from whom it was reached
    waiting = [first]
    while waiting:
        member = waiting.pop()
        for key in edges[member]:
            if key in came:
                continue
            came[key] = member
            if key in owner:
                waiting.append(owner[key])
                continue
            _shift(key, first, came, owner)
            return True
    return False


def _shift(key: str, first: str, came: Mapping[str, str], owner: dict[str, str]) -> None:
    """Give `key` to who reached it, and the key he gives up to who reached that, back to `first`."""
    held = {member: one for one, member in owner.items()}
    while True:
        member = came[key]
        owner[key] = member
        if member == first:
            return
        key = held[member]
