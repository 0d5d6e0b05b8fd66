"""How many must collude before a reader accepts something false: the second derailment number, with the way it is done.

The ways, each with those who must take part in it:

    federation   the threshold of its keys is reached: other members, other keys, other owners of names are signed
    statement    the home signs a false revision, and as many others as the policy asks for sign it, too; honest witnesses
                 cosign it, because it is in the log for all to see. Of a mirrored name: as many observers as the policy asks for
    two-logs     the home keeps two logs, and shows a reader the one in which something is missing: two quorums share at least
                 2k - n cosigners, who sign both
    old-state    a quorum of those whose times tell what is recent goes on signing an old checkpoint with new times, without the
                 home: the mirrors if they are asked for, else the witnesses, else the home itself
    advisories   as many warnings as refuse are left out of what a reader is shown, and he is not told that some may be missing:
                 only where the policy lets that be, and then it takes nobody's help

Where the policy refuses without enough members' maps of advisories, somebody who warns has to be shown, by a map from before he
did, which takes what `old-state` takes; where it warns, the reader is told. Neither is a way of its own.

A way that asks several thresholds of cosigners at once takes the smallest set that is enough for each of them. The number is that
of the easiest way. Two things lie outside it: who controls what a machine executes, and a home that may sign alone, which is the
way `statement` with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

from hanse.policy.rules import Advisories, Consequence

MAX_STATES = 200_000
"""Combinations of what is still needed that are looked at; beyond, the answer is a bound that is never too high."""


@dataclass(frozen=True, slots=True)
class Pool:
    """`need` different members of `of` are asked for. shared: how many any two such sets have in common, None: 2 need - of."""

    need: int
    of: frozenset[str]
    shared: int | None = None

    @property
    def overlap(self) -> int:
        """How many members two sets that are enough have in common at least."""
        return min(self.need, max(0, 2 * self.need - len(self.of))) if self.shared is None else self.shared


@dataclass(frozen=True, slots=True)
class Protection:
    """What stands between a reader and something false about one name.

    home: the member who answers for it, "" for a mirrored name; members: everybody; signers: who must sign; witness, mirror: who
    must cosign the home's log; keys_need, keys: threshold and number of the federation's keys; advisories: what the policy asks
    for of the members' warnings, None where nobody knows who might warn.
    """

    home: str
    members: frozenset[str]
    signers: tuple[Pool, ...] = ()
    witness: tuple[Pool, ...] = ()
    mirror: tuple[Pool, ...] = ()
    keys_need: int = 0
    keys: int = 0
    advisories: Advisories | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way to deceive.

    kind: its name; number: how many must take part, None if even all together cannot; members: a smallest set of them, none
    where only keys are known; says: who takes part, in words; better: what would raise the number.
    """

    kind: str
    number: int | None
    members: tuple[str, ...]
    says: str
    better: str


def ways(found: Protection) -> tuple[Way, ...]:
    """Return every way to deceive a reader, the easiest first."""
    made = [*_federation(found), _statement(found)]
    if found.home:
        made += [_two_logs(found), _old_state(found)]
    made += _advisories(found)
    return tuple(sorted(made, key=lambda one: (one.number is None, one.number or 0, one.kind)))


def smallest(must: Iterable[str], needs: Sequence[tuple[int, frozenset[str]]]) -> tuple[str, ...] | None:
    """Return a smallest set with all of `must` and at least so many of each group, None if there is none.

    Exact up to `MAX_STATES` combinations; beyond, as many members as the largest need asks for, which is never too many.
    """
    taken = frozenset(must)
    left = [(count - len(taken & group), group - taken) for count, group in needs]
    asked = [(count, group) for count, group in left if count > 0]
    if any(count > len(group) for count, group in asked):
        return None
    if prod(count + 1 for count, _ in asked) > MAX_STATES:
        count, group = max(asked, key=lambda one: one[0])
        return tuple(sorted(taken | set(sorted(group)[:count])))
    return tuple(sorted(taken | _cover(asked)))


def _cover(asked: Sequence[tuple[int, frozenset[str]]]) -> frozenset[str]:
    """Return a smallest set with so many of each group: members who are in the same groups are alike, so only numbers count."""
    kinds: dict[tuple[bool, ...], list[str]] = {}
    for name in sorted(frozenset[str]().union(*(group for _, group in asked))):
        kinds.setdefault(tuple(name in group for _, group in asked), []).append(name)
    # Whoever is in most groups first: among equally small sets that one is found.
    rows = sorted(kinds.items(), key=lambda item: (-sum(item[0]), item[1]))

    @cache
    def best(at: int, left: tuple[int, ...]) -> tuple[int, tuple[int, ...]] | None:
        if not any(left):
            return 0, (0,) * (len(rows) - at)
        if at == len(rows):
            return None
        inside, names = rows[at]
        most = min(len(names), max((count for count, there in zip(left, inside, strict=True) if there), default=0))
        found: tuple[int, tuple[int, ...]] | None = None
        for take in range(most, -1, -1):
            after = tuple(max(0, count - take) if there else count for count, there in zip(left, inside, strict=True))
            rest = best(at + 1, after)
            if rest is not None and (found is None or take + rest[0] < found[0]):
                found = take + rest[0], (take, *rest[1])
        return found

    chosen = best(0, tuple(count for count, _ in asked))
    counts = () if chosen is None else chosen[1]
    return frozenset(name for count, (_, names) in zip(counts, rows, strict=False) for name in names[:count])


def _way(kind: str, must: frozenset[str], needs: Sequence[tuple[int, frozenset[str]]], better: str) -> Way:
    needed = [(count, group) for count, group in needs if count > 0]
    found = smallest(must, needed)
    words = [", ".join(sorted(must))] if must else []
    words += [_out_of(count, sorted(group)) for count, group in needed]
    if found is None:
        return Way(kind, None, (), f"not possible: it takes {' and '.join(words)}", "")
    return Way(
        kind, len(found), found, " and ".join(dict.fromkeys(words)) or "nobody: whoever carries the bytes is enough", better
    )


def _out_of(count: int, group: list[str]) -> str:
    """Return so many of a group in words: all of them by their names."""
    names = ", ".join(group)
    return names if group and count == len(group) else f"{count} of {names or 'nobody'}"


def _federation(found: Protection) -> list[Way]:
    if not found.keys_need:
        return []
    says = f"holders of {found.keys_need} of the federation's {found.keys} keys"
    better = "take in members with keys of their own and raise the threshold (hanse federation propose --need M)"
    return [Way("federation", found.keys_need, (), says, better)]


def _statement(found: Protection) -> Way:
    home = frozenset({found.home} if found.home else ())
    needs = [(pool.need, pool.of) for pool in found.signers] or ([] if home else [(1, found.members)])
    better = "ask for signatures of more members ([signers] need in the federation's policy), and have the others hold the copies"
    return _way("statement", home, needs, better)


def _cosigners(found: Protection) -> tuple[Pool, ...]:
    return (*found.witness, *found.mirror)


def _two_logs(found: Protection) -> Way:
    needs = [(pool.overlap, pool.of) for pool in _cosigners(found)]
    return _way("two-logs", frozenset({found.home}), needs, "recruit witnesses and mirrors, and ask for more cosignatures")


def _old_state(found: Protection) -> Way:
    needs = [(pool.need, pool.of) for pool in found.mirror or found.witness]
    return _way(
        "old-state",
        frozenset(() if needs else (found.home,)),
        needs,
        "ask for more cosignatures, with times that are not old ([freshness])",
    )


def _advisories(found: Protection) -> list[Way]:
    """Return the way in which a reader takes what as many members warn of as refuse, and hears nothing of it.

    Who shows the maps of all but them shows n - need.
    """
    rule = found.advisories
    if rule is None or rule.need > len(found.members):
        return []
    if rule.stale is not Consequence.ALLOW and not 0 < rule.maps <= len(found.members) - rule.need:
        return []
    better = 'ask for all maps that may matter, and refuse without ([advisories] maps = "quorum", stale = "refuse")'
    return [_way("advisories", frozenset(), [], better)]
