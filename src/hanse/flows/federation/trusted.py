"""What a reader trusts because a federation says so: logs with their keys, and who cosigns them.

A log that a trusted federation lists is *configured*: no first contact, and no other key is taken for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hanse.flows.federation.kept import FederationFiles
from hanse.flows.trust import Cosigner, Trust
from hanse.model.repo import Origin
from hanse.tlog.note import NoteKey


@dataclass(frozen=True, slots=True)
class Roots:
    """logs: keys of each log that is listed; cosigners: witnesses and mirrors of the members; owners: origin by namespace."""

    logs: Mapping[Origin, tuple[NoteKey, ...]] = field(default_factory=dict)
    cosigners: tuple[Cosigner, ...] = ()
    owners: Mapping[str, Origin] = field(default_factory=dict)


def roots_of(files: FederationFiles, now: int) -> Roots:
    """Return what all federations kept here vouch for at `now`; one that has expired vouches for nothing.

    Raises StorageError if what is kept is damaged, BadProof if it has expired: a reader who trusted a federation must not fall
    back to first contact because its files are old.
    """
    logs: dict[Origin, tuple[NoteKey, ...]] = {}
    cosigners: list[Cosigner] = []
    owners: dict[str, Origin] = {}
    for name in files.names():
        federation = files.load(name)
        federation.trusted.check_current(now)
        for member in federation.members.members.values():
            logs[member.origin] = tuple(dict.fromkeys((*logs.get(member.origin, ()), *member.log)))
            cosigners += [Cosigner(key, member.origin, mirror=False) for key in member.witness]
            cosigners += [Cosigner(key, member.origin, mirror=True) for key in member.mirror]
            owners |= dict.fromkeys(member.namespaces, member.origin)
    return Roots(logs, tuple(dict.fromkeys(cosigners)), owners)


def with_roots(trust: Trust, roots: Roots) -> Trust:
    """Return `trust` with the logs and cosigners of the federations."""
    logs = dict(trust.logs)
    for origin, keys in roots.logs.items():
        logs[origin] = tuple(dict.fromkeys((*logs.get(origin, ()), *keys)))
    return replace(trust, logs=logs, cosigners=tuple(dict.fromkeys((*trust.cosigners, *roots.cosigners))))
