"""Following a federation: getting to know it by its fingerprint, and walking from what is trusted to the newest that others have.

1. The first root, whose fingerprint was compared by a person.
2. Every root after it, one by one, as far as anybody has them.
3. Targets, one by one from those that are trusted: before each next root those that the present one's keys signed, since a later
   root may ask for more signatures than they have.
4. The files that they list; those that are here already are not fetched again.
5. It is kept; only then is it trusted.

Members are asked one after the other, since all have the same: one that is down or holds something back costs time only, and one
that shows something false is told of (`Trip.wrong`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from hanse.errors import (
    BadFormat,
    BadSignature,
    HanseError,
    NotFoundError,
    PeerError,
)
from hanse.flows.federation.kept import Federation, FederationFiles, fingerprint_of
from hanse.model.digest import Sha256
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient
from hanse.peers.federationclient import Claimed, FederationClient
from hanse.sign.federation import MAX_METADATA_BYTES, ROOT, TARGETS, TrustedFederation

MAX_STEPS = 1024


@dataclass
class Trip:
    """One walk.

    federation: where it led; wrong: what was shown that cannot be true, by address; down: who did not answer; shown: addresses
    that have nothing newer than that.
    """

    federation: Federation
    wrong: dict[str, str] = field(default_factory=dict)
    down: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)

    @property
    def enough(self) -> bool:
        """Whether so many members were heard as can make a new version: then fewer than that withheld nothing."""
        try:
            members = self.federation.members.members.values()
        except HanseError:
            return False
        heard = sum(1 for one in members if self.shown.intersection(one.addresses))
        return heard >= min(len(members), self.federation.trusted.role(ROOT).need)


class Shown(Protocol):
    """Where federations are shown: a server, or files. Nothing that comes from it is believed.

    url: how people call it; the methods are those of `FederationClient`.
    """

    url: str

    def listed(self) -> list[Claimed]:
        """Return which federations there are."""
        ...

    def metadata(self, name: Origin, role: str, version: int, limit: int) -> bytes | None:
        """Return a version of `root` or `targets`, None if it is not there."""
        ...

    def file(self, name: Origin, digest: Sha256, size: int) -> bytes | None:
        """Return a file by its SHA-256 and size in bytes, None if it is not there."""
        ...


def meet(client: PeerClient, files: FederationFiles, url: str, fingerprint: str) -> Federation:
    """Trust the federation whose first root has this fingerprint (hex, at least 32 digits of it), and return it as it is now.

    Raises BadFormat for too short a fingerprint, NotFoundError if the server has no such federation, BadSignature if what it
    shows is another one, PeerError.
    """
    begun = _first(FederationClient(client, url), fingerprint)
    files.keep(begun)
    found = walk(client, begun, [url], files)
    files.keep(found.federation)
    return found.federation


def meet_shown(source: Shown, files: FederationFiles, fingerprint: str) -> Federation:
    """Trust a federation as `meet`, from files that somebody brought, and return it as these have it.

    Raises the same, and what the source raises; what is false in it beyond the first root is refused as a whole.
    """
    begun = _first(source, fingerprint)
    files.put(begun.name, ROOT, 1, begun.trusted.root_data)
    found = _step(source, begun, files)
    files.keep(found)
    return found


def _first(source: Shown, fingerprint: str) -> Federation:
    """Return the federation at its first root."""
    wanted = fingerprint.lower().replace(":", "").replace(" ", "")
    if not 32 <= len(wanted) <= 64 or any(digit not in "0123456789abcdef" for digit in wanted):
        raise BadFormat(
            "a fingerprint has 64 hex digits, of which at least 32 are given", hint="compare it with what members publish"
        )
    for claimed in source.listed():
        if not claimed.first.startswith(wanted):
            continue
        data = source.metadata(claimed.name, ROOT, 1, MAX_METADATA_BYTES)
        if data is None or not fingerprint_of(data).startswith(wanted):
            raise BadSignature(f"{source.url} shows another first root of {claimed.name}", hint="ask another member")
        return Federation(claimed.name, fingerprint_of(data), TrustedFederation.start(data), {})
    raise NotFoundError(
        f"{source.url} knows no federation with the fingerprint {wanted[:16]}", hint="check address and fingerprint"
    )


def update(
    client: PeerClient, files: FederationFiles, name: Origin, urls: Iterable[str] = (), *, until_enough: bool = False
) -> Trip:
    """Walk to the newest state that the members, or these addresses, have; keep it and return it.

    until_enough: ask no more members than it takes (`Trip.enough`). Raises NotFoundError if the federation is not known here,
    StorageError.
    """
    known = files.load(name)
    found = walk(client, known, [*urls, *addresses(known)], files, until_enough=until_enough)
    if found.federation != known:
        files.keep(found.federation)
    return found


def addresses(federation: Federation) -> list[str]:
    """Return where the members can be asked, each by its best address, then by the others."""
    with suppress(HanseError):
        members = list(federation.members.members.values())
        return [*(one.addresses[0] for one in members), *(url for one in members for url in one.addresses[1:])]
    return []


def walk(
    client: PeerClient, known: Federation, urls: Iterable[str], files: FederationFiles, *, until_enough: bool = False
) -> Trip:
    """Return where the walk over these addresses leads from what is known.

    Every version on the way that was verified is put into `files`, for those who walk after us; what is trusted stays as it is.
    """
    trip = Trip(known)
    for url in dict.fromkeys(urls):
        try:
            trip.federation = _step(FederationClient(client, url), trip.federation, files)
            trip.shown.add(url)
        except PeerError as error:
            trip.down.append(f"{url}: {error.message}")
        except HanseError as error:
            trip.wrong[url] = error.message
        if until_enough and trip.enough:
            break
    return trip


def _step(source: Shown, known: Federation, kept: FederationFiles) -> Federation:
    trusted = known.trusted
    for _ in range(MAX_STEPS):
        data = source.metadata(known.name, ROOT, trusted.root_version + 1, MAX_METADATA_BYTES)
        if data is None:
            break
        with suppress(BadSignature):  # what follows is signed by the keys of a later root
            for newer in _targets(source, known, trusted, kept):
                trusted = newer
        trusted = trusted.with_root(data)
        kept.put(known.name, ROOT, trusted.root_version, data)
    for newer in _targets(source, known, trusted, kept):
        trusted = newer
    if trusted is known.trusted and known.files:
        return known
    files = dict(known.files)
    for name, (digest, size) in trusted.listed().items():
        if name not in files or not _is(trusted, name, files[name]):
            data = source.file(known.name, digest, size)
            if data is None:
                raise NotFoundError(f"{source.url} lists {name} and does not have it")
            files[name] = trusted.check_target(name, data)
    listed = {name: files[name] for name in trusted.listed()}
    # A list of members that cannot be read is none: what was trusted before stays.
    found = replace(known, trusted=trusted, files=listed or known.files)
    if listed:
        _ = found.members
    return found


def _targets(source: Shown, known: Federation, trusted: TrustedFederation, kept: FederationFiles) -> Iterator[TrustedFederation]:
    """Yield what is trusted after each next version of the targets that the source has; raises at the first that is none."""
    first = trusted.targets_version + 1
    if trusted.targets is None:
        claimed = next((one for one in source.listed() if one.name == known.name), None)
        first = claimed.targets if claimed and claimed.targets else 1
    elif not trusted.targets_trusted:
        first = trusted.targets_version  # perhaps signed again, by those whom the new root names
    for version in range(first, first + MAX_STEPS):
        data = source.metadata(known.name, TARGETS, version, MAX_METADATA_BYTES)
        if data is None:
            break
        try:
            trusted = trusted.with_targets(data)
            kept.put(known.name, TARGETS, version, data)
            yield trusted
        except BadSignature:
            if version > trusted.targets_version:
                raise  # else it is still as the old members signed it: the next version is by the new ones


def _is(trusted: TrustedFederation, name: str, data: bytes) -> bool:
    try:
        trusted.check_target(name, data)
    except HanseError:
        return False
    return True
