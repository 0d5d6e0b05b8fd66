"""Newer versions of a federation that its members' logs name, and nobody has shown here: the list may be withheld from this node.

A `member` leaf proves only that a log says so. One of them makes a node look for the version earlier than it would; nothing is
refused because of it, so that no member blocks anybody by a false leaf. Once as many logs name a newer version as keys are needed
to make one, and it is still not found, people are told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from hanse.db import foreign
from hanse.errors import HanseError, RolledBack
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.keeper import Keeper
from hanse.model.repo import Origin
from hanse.sign.federation import ROOT, TARGETS

MAX_LEAVES = 64
"""Newest leaves of a log that are looked at."""
Marks = tuple[tuple[str, int], ...]


def marks(node: Keeper, logs: Iterable[str]) -> Marks:
    """Return the index of the newest leaf in each of these logs that names a version of any federation."""
    with node.db.read() as conn:
        return tuple((log, foreign.newest_list(conn, log)) for log in sorted(logs))


def named(node: Keeper, files: FederationFiles, federation: Federation) -> dict[Origin, dict[str, int]]:
    """Return the newest versions of each role that the members' logs name and that are newer than what is trusted here.

    Leaves of version 1 do not name their federation: of them, what is known to be of another one kept here is left out.
    """
    trusted, found = federation.trusted, dict[Origin, dict[str, int]]()
    have = {ROOT: trusted.root_version, TARGETS: trusted.targets_version}
    others = [one for one in files.names() if one != federation.name]
    with node.db.read() as conn:
        said = {one: foreign.lists(conn, one, MAX_LEAVES) for one in federation.members.members if one != node.origin}
    for origin, rows in said.items():
        for row in rows:
            role, number, digest = row.subject.split("/")
            version = int(number)
            if version <= have[role] or row.place not in ("", federation.first):
                continue
            if row.place or not any(_is_of(files, other, role, version, digest) for other in others):
                told = found.setdefault(origin, {})
                told[role] = max(version, told.get(role, 0))
    return found


def newest(told: Mapping[Origin, Mapping[str, int]], need: int) -> dict[str, int]:
    """Return for each role the newest version that at least `need` logs name, or one newer than it."""
    found = {}
    for role in (ROOT, TARGETS):
        versions = sorted((one[role] for one in told.values() if role in one), reverse=True)
        if len(versions) >= need:
            found[role] = versions[need - 1]
    return found


def withheld(node: Keeper, files: FederationFiles, federation: Federation) -> list[str]:
    """Return what is to be told of newer versions that nobody showed here, a line or none."""
    told = named(node, files, federation)
    need = max(federation.trusted.role(role).need for role in (ROOT, TARGETS))
    try:
        federation.trusted.check_newest(newest(told, need))
    except RolledBack as error:
        return [f"{error.message}; so say {', '.join(sorted(told))[:500]}: {error.hint}, by another way than until now"]
    return []


def _is_of(files: FederationFiles, name: Origin, role: str, version: int, digest: str) -> bool:
    try:
        data = files.read(name, role, f"{version}.json")
    except HanseError:
        return False
    return hashlib.sha256(data).hexdigest().startswith(digest)
