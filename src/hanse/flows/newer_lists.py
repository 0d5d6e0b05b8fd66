"""Newer versions of federations' lists that the logs in an evidence file name, and that the reader has not seen.

A `member` leaf proves only that a log says so. One that names its federation counts for it, once for each member, so that fewer
members than can make a version say nothing together: no false leaf keeps anybody from anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hanse.flows.shown_log import ShownLog
from hanse.flows.trust import KnownList
from hanse.model.decision import Known, NewerList
from hanse.model.trust_leaf import MemberLeaf


def newest_of(found: Iterable[tuple[int, str, str, int]]) -> set[int]:
    """Return which of the leaves (index, federation, role, version) of a log are worth showing.

    Those are the newest version of each role of each federation. First versions are left out: nobody has an older one.
    """
    best: dict[tuple[str, str], tuple[int, int]] = {}
    for index, federation, role, version in found:
        if federation and version > 1:
            best[federation, role] = max(best.get((federation, role), (0, 0)), (version, index))
    return {index for _, index in best.values()}


def newer_lists(logs: Sequence[ShownLog], known: Iterable[KnownList]) -> tuple[NewerList, ...]:
    """Return the newer versions that as many members' logs name as keys are needed to make one."""
    found = []
    for one in known:
        for role, version in one.versions.items():
            said = sorted(_said(logs, one, role, version), key=lambda told: told[0])
            if len(said) >= one.need:
                newest = sorted((number for _, number, _ in said), reverse=True)[one.need - 1]
                members = tuple(sorted(member for _, _, member in said))
                found.append(NewerList(one.name, role, version, newest, members, said[one.need - 1][0]))
    return tuple(found)


def _said(logs: Sequence[ShownLog], one: KnownList, role: str, known: int) -> Iterable[tuple[int, int, str]]:
    """Yield (time, version, member) of each member's log that names newer versions of a role: of the oldest leaf, the newest."""
    for log in logs:
        if log.known is Known.CONFIGURED and log.origin in one.members:
            leaves = [shown.leaf for shown in log.leaves if isinstance(shown.leaf, MemberLeaf)]
            about = [leaf for leaf in leaves if leaf.federation == one.first and leaf.role.value == role]
            newer = [leaf for leaf in about if leaf.version > known]
            if newer:
                yield min(leaf.time for leaf in newer), max(leaf.version for leaf in newer), log.origin
