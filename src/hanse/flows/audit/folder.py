"""Auditing what lies on a machine: every file hashed, compared with what is known of its revision, and judged by the policy.

1. The revisions that lie in a folder are found (`hanse.flows.adopt.found`).
2. Their files are hashed, those that did not change since the last time not again (`hanse.flows.audit.hashing`); those of a
   cache from the moment they are found.
3. What is known of each revision is asked for: evidence and pins of the held store, and of nodes and an upstream if named.
4. Each file is compared with what it must be, else with what the place itself says that it is.

A file's name in a cache is its digest in the words of whoever sent it. Bytes that do not have it are altered, whoever is right;
bytes that have it are unknown until somebody vouches for them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from hanse.errors import (
    AccessError,
    HanseError,
    InputError,
    IntegrityError,
    NotFoundError,
    PeerError,
    PolicyError,
    Recalled,
)
from hanse.flows.adopt.found import found_revisions, passed_over
from hanse.flows.audit.hashing import AuditHashing, Hashed, Wanted
from hanse.flows.found import FoundRevision, Kind, Said
from hanse.flows.hashing import short_turns
from hanse.model.digest import GitOid, Sha256, is_git_oid
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.store.held.copies import Digests
from hanse.store.held.store import Held

if TYPE_CHECKING:
    from hanse.flows.pull.asked import PulledRevision

_NOTHING = Said()
MAX_LOOKED_UP = 200
"""By how many files at most a folder is recognised."""
Resolve = Callable[[RepoType, str, str], "PulledRevision"]
"""Returns what is known of a revision (type, name, commit id); raises as `Puller.revision`."""
Judge = Callable[["PulledRevision | None", str, str, Hashed], str]
"""Returns why the policy refuses a file (path in the revision, place, what it is), empty if it does not."""


class State(str, Enum):
    """What a file or revision is, the best first; a revision is as bad as its worst file."""

    VERIFIED = "verified"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    ALTERED = "altered"

    @property
    def rank(self) -> int:
        """Position, the best 0."""
        return _RANKS[self]


_RANKS = {state: number for number, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class AuditedFile:
    """One file. says: why it is no better, empty if it is verified; size: bytes."""

    path: str
    state: State
    size: int
    says: str = ""


@dataclass(frozen=True, slots=True)
class Audited:
    """One revision.

    rung: what its evidence is worth, empty if nothing is known; origin: who answers for the name; says: about the revision as a
    whole; absent: how many of its files are not here.
    """

    found: FoundRevision
    state: State
    rung: str
    origin: str
    says: str
    files: tuple[AuditedFile, ...]
    absent: int = 0

    def count(self, state: State) -> int:
        """Return how many files are in a state."""
        return sum(one.state is state for one in self.files)

    @property
    def bad(self) -> bool:
        """Whether it is to be moved out of the clients' reach."""
        return self.state in (State.ALTERED, State.REFUSED)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Everything that was found. read: bytes hashed now, not known from before; beside: what was not looked at, by name."""

    revisions: tuple[Audited, ...]
    read: int
    beside: tuple[str, ...] = ()

    @property
    def counts(self) -> Mapping[State, int]:
        """How many revisions are in each state."""
        counted = Counter(one.state for one in self.revisions)
        return {state: counted[state] for state in State}


def audit_folder(
    folder: Path,
    held: Held,
    resolve: Resolve | None = None,
    judge: Judge | None = None,
    *,
    rehash: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> AuditReport:
    """Return what everything in a cache or folder is; raises EntryNotFound, StorageError, TooLarge.

    advance: called with the size of each file once it is known what it is, one call at a time.
    """
    hashing, root = AuditHashing(held, advance=advance, rehash=rehash), os.path.realpath(folder)
    hashing.below(root)

    def seen(place: str, status: os.stat_result, said: Said) -> None:
        hashing.expect(place, status, git=_by_git(said))

    with short_turns():
        try:
            found = audit(found_revisions(folder, seen), hashing, resolve, judge, held.used_by)
            return replace(found, revisions=tuple(filter(_told_of, found.revisions)), beside=passed_over(folder))
        finally:
            hashing.close()


def _told_of(one: Audited) -> bool:
    """Tell whether something is worth a word: blobs that no snapshot has are what clients left, unless one of them is altered."""
    return one.found.kind is not Kind.BLOBS or one.bad


def audit(
    revisions: Iterable[FoundRevision],
    hashing: AuditHashing,
    resolve: Resolve | None = None,
    judge: Judge | None = None,
    used_by: Callable[[Sha256], Sequence[str]] = lambda _: (),
) -> AuditReport:
    """Return what every found revision is; raises StorageError.

    resolve: None if nothing is known; judge: None if files are not judged; used_by: revisions that are known to have some bytes
    (`ORIGIN/NAMESPACE/NAME@REV`), so that a plain folder is recognised.
    """
    # 2.
    found = list(revisions)
    wanted: dict[str, Wanted] = {}
    for revision in found:
        for key, one in _wanted(revision):
            before = wanted.get(key)
            wanted[key] = before if before is not None and before.git else one
    hashed = hashing.run(wanted)
    # 3. and 4.
    audited = []
    for each in found:
        named = each if each.repo or each.kind is Kind.BLOBS else _recognised(each, hashed, used_by)
        audited.append(_Auditing(named, hashing, hashed, judge).audit(resolve))
    return AuditReport(tuple(audited), sum(one.read for one in hashed.values()))


def _wanted(found: FoundRevision) -> Iterable[tuple[str, Wanted]]:
    """Yield what is to be hashed of a revision; a blob that several revisions have is hashed once."""
    for path, place in found.places().items():
        yield place, Wanted((place,), git=_by_git(found.said.get(path, _NOTHING)))
    for places in found.parts.values():
        yield str(places[0]), Wanted(tuple(str(one) for one in places))


def _by_git(said: Said) -> bool:
    """Tell whether the git blob id of a file is wanted: regular files are known by it alone, large ones by their SHA-256."""
    return said.sha256 is None or said.git_oid is not None


def _recognised(found: FoundRevision, hashed: Mapping[str, Hashed], used_by: Callable[[Sha256], Sequence[str]]) -> FoundRevision:
    """Return a folder that does not say what it is as the known revision with which it has most files in common, if with most."""
    digests = [one.digests.sha256 for place in found.places().values() if (one := hashed[place]).digests]
    counted = Counter(label for sha256 in digests[:MAX_LOOKED_UP] for label in used_by(sha256))
    for label, count in counted.most_common(1):
        name, _, rev = label.rpartition("@")
        origin, _, path = name.partition("/")
        kind = RepoType.DATASET if path.startswith(RepoType.DATASET.prefix) else RepoType.MODEL
        if origin and 2 * count > min(len(digests), MAX_LOOKED_UP) and is_git_oid(rev):
            return replace(found, type=kind, repo=path.removeprefix(kind.prefix), rev=GitOid(rev))
    return found


class _Auditing:
    """One revision under audit."""

    def __init__(self, found: FoundRevision, hashing: AuditHashing, hashed: Mapping[str, Hashed], judge: Judge | None) -> None:
        self._found = found
        self._places = found.places()
        self._places |= {path: str(places[0]) for path, places in found.parts.items()}
        self._hashing = hashing
        self._hashed = hashed
        self._judge = judge

    def audit(self, resolve: Resolve | None) -> Audited:
        """Return what it is."""
        known, state, says = self._known(resolve)
        files = [self._file(path, known) for path in sorted(self._places)]
        # olah keeps parts of files, and old forms of them: that something else than a whole file is there is nobody's doing.
        odd = State.UNKNOWN if self._found.kind is Kind.OLAH else State.ALTERED
        files += [AuditedFile(path, odd, 0, why) for path, why in sorted(self._found.odd.items())]
        worst = max([state, *(one.state for one in files)], key=lambda one: one.rank)
        absent = len(known.files.keys() - self._places.keys()) if known else 0
        rung, origin = (known.rung.value, str(known.repo.origin)) if known else ("", "")
        return Audited(self._found, worst, rung, origin, says, tuple(files), absent)

    def _known(self, resolve: Resolve | None) -> tuple[PulledRevision | None, State, str]:
        """Return what is known of the revision, the best state that it can have, and why no better."""
        found = self._found
        if found.kind is Kind.BLOBS:
            return None, State.UNKNOWN, "clients take them by their names, whoever put them there"
        if found.type is None and found.repo:
            return None, State.UNKNOWN, "no evidence is made of what is no model and no data set"
        if found.type is None or found.rev is None or not found.repo:
            return None, State.UNKNOWN, "nothing here says which revision of what it is"
        if resolve is None:
            return None, State.UNKNOWN, "nobody was asked"
        try:
            return resolve(found.type, found.repo, found.rev), State.VERIFIED, ""
        except (PolicyError, Recalled) as error:
            return None, State.REFUSED, _told(error)
        except IntegrityError as error:
            return None, State.REFUSED, f"what is shown of it is false: {_told(error)}"
        except (NotFoundError, AccessError, PeerError, InputError) as error:
            return None, State.UNKNOWN, f"nobody vouches for it: {_told(error)}"

    def _file(self, path: str, known: PulledRevision | None) -> AuditedFile:
        hashed = self._hashed[self._places[path]]
        if hashed.digests is None:
            return AuditedFile(path, State.ALTERED, hashed.size, hashed.problem)
        pin = known.files.get(path) if known else None
        wrong = self._against(known, pin, path, hashed)
        if wrong:
            return AuditedFile(path, State.ALTERED, hashed.size, wrong)
        if self._judge:
            refused = self._judge(known, path, self._places[path], hashed)
            if refused:
                return AuditedFile(path, State.REFUSED, hashed.size, refused)
        if pin is None:
            return AuditedFile(path, State.UNKNOWN, hashed.size, "nobody vouches for it")
        return AuditedFile(path, State.VERIFIED, hashed.size)

    def _against(self, known: PulledRevision | None, pin: FilePin | None, path: str, hashed: Hashed) -> str:
        """Return in what a file differs from what it must be, empty if in nothing."""
        assert hashed.digests is not None
        if known is None:
            said = self._found.said.get(path, Said())
            wanted = (said.size, said.sha256, said.git_oid)
            return _differs("the place itself says", wanted, hashed.size, hashed.digests)
        if pin is None:
            return "added, the revision does not have it"
        digests = hashed.digests
        if pin.sha256 is None and digests.git_oid is None:
            digests = self._with_git(path) or digests
        wanted = (pin.size, pin.sha256, None if pin.lfs or pin.sha256 else pin.git_oid)
        return _differs("it must have", wanted, hashed.size, digests)

    def _with_git(self, path: str) -> Digests | None:
        """Return the digests of a file with its git blob id, read once more for it."""
        place = self._places[path]
        return self._hashing.run({place: Wanted((place,), git=True)})[place].digests


def _differs(who: str, wanted: tuple[int | None, str | None, str | None], size: int, found: Digests) -> str:
    if wanted[0] is not None and wanted[0] != size:
        return f"{who} {wanted[0]:,} bytes, it has {size:,}"
    for what, one, other in zip(("SHA-256", "git blob id"), wanted[1:], (found.sha256, found.git_oid), strict=True):
        if one is not None and one != other:
            return f"{who} {what} {one}, it has {other or 'none'}"
    return ""


def _told(error: HanseError) -> str:
    failed = [one for one in getattr(error, "failed", ()) if one not in error.message]
    return f"{error.message} ({'; '.join(failed[:5])})" if failed else error.message
