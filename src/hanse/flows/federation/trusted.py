"""From what is kept of federations to what a reader trusts because of them (`hanse.flows.federation.roots`)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.federation.roots import Roots
from hanse.flows.federation.seen import Seen
from hanse.flows.trust import Cosigner, KnownList, earliest
from hanse.model.repo import Origin
from hanse.sign.federation import ROOT, TARGETS
from hanse.tlog.members import Member
from hanse.tlog.note import NoteKey


def roots_of(files: FederationFiles, now: int) -> Roots:
    """Return what all federations kept here vouch for at `now`; one that has expired vouches for nothing.

    Raises StorageError if what is kept is damaged, BadProof if it has expired: a reader who trusted a federation must not fall
    back to first contact because its files are old.
    """
    return _roots((files.load(name) for name in files.names()), now)


def roots_seen(folder: Path, seen: Seen, now: int) -> Roots:
    """Return the same for a folder in a state that was seen; what was verified once in this process is not verified again."""
    return _roots(federations_seen(folder, seen), now)


@lru_cache(maxsize=4)
def federations_seen(folder: Path, _: Seen) -> tuple[Federation, ...]:
    """Return the federations kept in a folder, whether they have expired or not; raises StorageError for damaged ones."""
    files = FederationFiles(folder)
    return tuple(files.load(name) for name in files.names())


def _roots(federations: Iterable[Federation], now: int) -> Roots:
    logs: dict[Origin, tuple[NoteKey, ...]] = {}
    cosigners: list[Cosigner] = []
    owners: dict[str, Origin] = {}
    addresses: dict[Origin, tuple[str, ...]] = {}
    contested: set[str] = set()
    lists: list[KnownList] = []
    distrusted: dict[Origin, dict[str, int]] = {}
    for federation in federations:
        federation.trusted.check_current(now)
        lists.append(known_list(federation))
        for member in federation.members.members.values():
            logs[member.origin] = tuple(dict.fromkeys((*logs.get(member.origin, ()), *member.log)))
            cosigners += _cosigners(member)
            if member.distrusted:
                cuts = {str(key): index for key, index in member.distrusted.items()}
                distrusted[member.origin] = earliest(distrusted.get(member.origin, {}), cuts)
            addresses[member.origin] = tuple(dict.fromkeys((*addresses.get(member.origin, ()), *member.addresses)))
            for namespace in member.namespaces:
                if owners.setdefault(namespace, member.origin) != member.origin:
                    contested.add(namespace)
    return Roots(logs, tuple(dict.fromkeys(cosigners)), owners, addresses, frozenset(contested), tuple(lists), distrusted)


def _cosigners(member: Member) -> list[Cosigner]:
    """Return the witnesses and mirrors of a member; a cosignature has no index, so a distrusted key of theirs never counts."""
    kinds = ((member.witness, False), (member.mirror, True))
    return [
        Cosigner(key, member.origin, mirror=mirror)
        for keys, mirror in kinds
        for key in keys
        if key.public.fingerprint not in member.distrusted
    ]


def known_list(federation: Federation) -> KnownList:
    """Return the list of a federation as logs name its versions."""
    trusted = federation.trusted
    versions = {ROOT: trusted.root_version, TARGETS: trusted.targets_version}
    need = max(trusted.role(role).need for role in versions)
    return KnownList(federation.name, federation.first, frozenset(federation.members.members), versions, need)
