"""What a Hub-shaped origin says of a revision, pinned at first use: nothing signs it, so it may never say anything else.

1. The origin is asked what the revision is; a commit id is answered with itself.
2. A revision met for the first time is pinned: every file by path, size and digests. Later it has exactly these or is refused;
   only a size, or a second digest, gives way where the digest of the content decides (`hanse.flows.pull.restated`).
3. A ref may move on. Where it goes back to what was seen before its newest place, or to what that continues, it stays;
   where it goes to a commit that does not continue the newest one, that is shown. What it pointed at before stays known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from hanse.clock import rfc3339
from hanse.errors import BadFormat, Equivocation, HanseError, IntegrityError, PeerMalformed, TooLarge
from hanse.flows.pull.asked import Asked
from hanse.flows.pull.known import Known, KnownRef, KnownRevision
from hanse.flows.pull.restated import restated
from hanse.model.digest import GitOid, is_git_oid
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoType

if TYPE_CHECKING:
    from hanse.flows.pull.logged import Logged

MAX_FILES = 200_000
MAX_COMMITS = 10_000
_SHOWN = 3
_ONE_CONTENT = (
    "a commit id has one content for ever: ask another source which of the two is true; if what was seen first is false, "
    "`hanse cache forget {}`"
)
_SAID = {RepoType.MODEL: "", RepoType.DATASET: " --repo-type dataset"}


class Info(Protocol):
    """What an origin says of a revision. info: claims; private and gated ones among them."""

    @property
    def rev(self) -> str:
        """Commit id."""
        ...

    @property
    def info(self) -> Mapping[str, Any]:
        """Claims such as pipeline_tag."""
        ...


class Commit(Protocol):
    """A commit of a history."""

    @property
    def id(self) -> str:
        """Commit id."""
        ...


class Claimer(Protocol):
    """A Hub-shaped origin that can be asked. Raises NotFoundError or PeerError, as `hanse.peers.hub.Hub` does."""

    def info(self, kind: RepoType, name: str, revision: str, /) -> Info:
        """Return what a revision is."""
        ...

    def tree(self, kind: RepoType, name: str, rev: str, /) -> Sequence[FilePin]:
        """Return the files of a revision."""
        ...

    def commits(self, kind: RepoType, name: str, rev: str, /) -> Iterable[Commit]:
        """Yield the commits of a history, the newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """A revision as its origin claims it, pinned. notices: what a reader should know."""

    known: KnownRevision
    notices: tuple[str, ...] = ()


def ask_claims(hub: Claimer, origin: Origin, asked: Asked, known: Known, now: int, *, logged: Logged | None = None) -> Claimed:
    """Return what an origin claims of the revision that was asked for, by the steps at the top of this file.

    logged: what its log proves of it, which then decides where a ref is. Raises RepoNotFound, RevisionNotFound, PeerError;
    IntegrityError if it answers with another revision, Equivocation if a pinned revision has other files now, BadProof if the log
    says something else.
    """
    asked = replace(asked, repo=replace(asked.repo, origin=origin))
    info = hub.info(asked.repo.type, asked.repo.path, asked.revision)
    if not is_git_oid(info.rev):
        raise PeerMalformed(f"{origin} gives {info.rev[:60]!r} as a commit id")
    rev, private = GitOid(info.rev), is_private(info.info) or bool(logged and logged.veil.salt)
    if logged is not None:
        logged.check(rev)
    if asked.pinned:
        if rev != asked.revision:
            raise IntegrityError(f"{origin} was asked for revision {asked.revision} of {asked.repo.path} and answers with {rev}")
        return Claimed(*_pin(hub, asked, known, rev, info.info, now=now, private=private))
    before = known.ref(asked.repo, asked.revision)
    notices: tuple[str, ...] = ()
    if logged is not None and before is not None:
        ref = before.moved(rev, now)
    else:
        ref, notices = _follow(hub, asked, before, rev, now)
    if ref.rev != rev:  # it stays where it was, at what is pinned already
        held = known.revision(asked.repo, ref.rev)
        return Claimed(held or _pin(hub, asked, known, ref.rev, {}, now=now, private=private)[0], notices)
    found, said = _pin(hub, asked, known, rev, info.info, now=now, private=private)
    known.keep_ref(asked.repo, asked.revision, ref, private=private)
    return Claimed(found, (*notices, *said))


def is_private(info: Mapping[str, Any]) -> bool:
    """Tell whether an origin says that not everybody may see a repository."""
    return bool(info.get("private")) or info.get("gated") not in (None, False)


def _pin(
    hub: Claimer, asked: Asked, known: Known, rev: GitOid, claims: Mapping[str, Any], *, now: int, private: bool
) -> tuple[KnownRevision, tuple[str, ...]]:
    """Return the pinned revision, as it was pinned, or as the origin says now if it is seen for the first time; and notices."""
    repo = asked.repo
    files = _files(hub.tree(repo.type, repo.path, rev))
    before, notices = known.revision(repo, rev), tuple[str, ...]()
    if before is None:
        found = KnownRevision(repo, rev, files, None, claims, now, now, private)
    else:
        kept, notices = _agreed(asked, known, before, files, now)
        found = replace(before, files=kept, claims=claims or before.claims, confirmed=now, private=private)
    known.keep_revision(found)
    return found, notices


def _agreed(
    asked: Asked, known: Known, before: KnownRevision, files: Mapping[str, FilePin], now: int
) -> tuple[Mapping[str, FilePin], tuple[str, ...]]:
    """Return the pins of a revision that was pinned before, and what is to be said; raises Equivocation for another content."""
    says = differences(before.files, files)
    if not says:
        return before.files, ()
    agreed = restated(before.files, files) if before.tree is None else None
    if agreed is not None:
        return agreed
    repo = before.repo
    told = f"revision {before.rev} of {repo} was pinned with other files on {rfc3339(before.first)}: {says}"
    known.raise_alarm(repo, before.rev, told, now)
    raise Equivocation(told, hint=_ONE_CONTENT.format(f"{asked.repo.path}@{before.rev}{_SAID[repo.type]}"))


def _files(pins: Sequence[FilePin]) -> dict[str, FilePin]:
    if len(pins) > MAX_FILES:
        raise TooLarge(f"a revision has at most {MAX_FILES:,} files, got {len(pins):,}")
    files = {pin.path: pin for pin in pins}
    if len(files) != len(pins):
        raise BadFormat("an origin lists a file twice")
    return files


def differences(before: Mapping[str, FilePin], after: Mapping[str, FilePin]) -> str:
    """Return in words how two sets of pins differ, empty if they do not; a digest that only one gives is no difference."""
    odd = sorted(path for path in before.keys() | after.keys() if not _same(before.get(path), after.get(path)))
    if not odd:
        return ""
    more = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
    return f"{', '.join(one[:120] for one in odd[:_SHOWN])}{more}"


def _same(one: FilePin | None, other: FilePin | None) -> bool:
    if one is None or other is None:
        return False
    digests = ((one.sha256, other.sha256), (one.xet, other.xet))
    plain = (one.size, one.git_oid, one.lfs) == (other.size, other.git_oid, other.lfs)
    return plain and all(first is None or second is None or first == second for first, second in digests)


def _follow(hub: Claimer, asked: Asked, before: KnownRef | None, rev: GitOid, now: int) -> tuple[KnownRef, tuple[str, ...]]:
    """Return where a ref points now, and what is to be said about it."""
    where = f"{asked.revision} of {asked.repo}"
    if before is None:
        return KnownRef(((rev, now),), now), ()
    if rev == before.rev:
        return before.moved(rev, now), ()
    seen = dict(before.history).get(rev)
    if seen is not None:
        says = (
            f"{where} is shown at {rev[:12]}, where it was on {rfc3339(seen)}, before {before.rev[:12]}: it stays at the newer "
            f"one; name the revision {rev} to have the other"
        )
        return before, (says,)
    if _continues(hub, asked, before.rev, rev):
        return before.moved(rev, now), ()
    if _continues(hub, asked, rev, before.rev):
        says = (
            f"{where} is shown at {rev[:12]}, which is older than {before.rev[:12]}, seen on {rfc3339(before.history[-1][1])}: "
            f"it stays at the newer one; name the revision {rev} to have the other"
        )
        return before, (says,)
    says = f"{where} was rewritten: {rev[:12]} does not continue {before.rev[:12]}, seen on {rfc3339(before.history[-1][1])}"
    return before.moved(rev, now), (says,)


def _continues(hub: Claimer, asked: Asked, old: GitOid, new: GitOid) -> bool:
    """Tell whether an origin shows the old commit in the history of the new one."""
    with suppress(HanseError):
        return any(one.id == old for one in islice(hub.commits(asked.repo.type, asked.repo.path, new), MAX_COMMITS))
    return False
