"""Mirroring what already lies on this machine: Hugging Face caches, folders, the store of an olah proxy.

1. Revisions are found by the names of files (`hanse.flows.adopt.found`); nothing that is found is believed.
2. If the upstream answers, it is asked what the revision has: what lies here and is that is taken in from here, and what was
   altered is told. A snapshot that is complete becomes a mirrored revision like any other.
3. If it does not, or has it no more, a complete snapshot is kept as a *local claim*: by its commit id, neither observed in the
   log nor signed, until the upstream says the same. Who may see it the cache does not tell: a new mirror is private until the
   upstream shows it to everybody. Of a part of a snapshot nobody knows what it is a part of.

Bytes are chunked into this node's store; the cache stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hanse.content.gitobjects import BlobHasher, lfs_pointer_id
from hanse.db import mirrors, notices
from hanse.db.notices import Notice
from hanse.db.repos import Repo
from hanse.errors import (
    BlobNotFound,
    Busy,
    DigestMismatch,
    HanseError,
    IntegrityError,
    NotFoundError,
    PeerError,
    PeerRefused,
    RepoNotFound,
    StorageError,
)
from hanse.flows.adopt.found import FoundRevision, Kind, found_revisions, read_pieces
from hanse.flows.mirror.claims import NO_WORDS, RevisionClaim
from hanse.flows.mirror.disclose import disclose
from hanse.flows.mirror.intake import Intake
from hanse.flows.mirror.journey import Mirrored, Options, take, take_revision
from hanse.flows.mirror.large import Local, mirror_folder
from hanse.flows.mirror.rows import LOCAL_CLAIM, find_mirror, gate, hidden, open_mirror, pin
from hanse.flows.mirror.upstream import Upstream, full_name
from hanse.flows.node import Node
from hanse.model.digest import GitOid, Sha256, is_git_oid
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RefName, RepoId, RepoType, parse_repo_id
from hanse.store.parts import sole

MAX_ALTERED = 50
LABEL = "only this machine says so, by what lay in a cache"


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came of one revision that was found.

    title: as people know it; state: `mirrored`, `partial` (pinned, some files still to be fetched), `claimed` (by this machine
    alone), `skipped`; says: why; mirrored: where it is complete; altered: files that are not what the upstream says they are.
    """

    title: str
    state: str
    says: str = ""
    mirrored: Mirrored | None = None
    altered: tuple[str, ...] = ()


def adopt(
    node: Node,
    folder: Path,
    upstream: Upstream,
    options: Options | None = None,
    *,
    fetch: bool = False,
    named: tuple[RepoType, str, str] | None = None,
) -> Iterator[Adopted]:
    """Take in the revisions that lie in a folder, and yield what came of each.

    fetch: what is missing of a snapshot is fetched from the upstream; named: type, name and revision name of what a plain folder
    has, which tells no repository itself; a commit id that all of its files were noted with goes before `main`. Raises
    EntryNotFound or StorageError if the folder cannot be read, StorageError of this node's own.
    """
    chosen = options or Options()
    for found in found_revisions(folder):
        if found.kind is Kind.BLOBS:
            continue
        try:
            yield _adopt(node, _called(found, named, upstream), upstream, chosen, fetch=fetch)
        except HanseError as error:
            if isinstance(error, StorageError) and (chosen.stop.is_set() or not isinstance(error, Busy)):
                raise
            yield Adopted(found.title, "skipped", error.message)


def _adopt(node: Node, found: FoundRevision, upstream: Upstream, options: Options, *, fetch: bool) -> Adopted:
    if found.type is None and found.repo:
        return Adopted(found.title, "skipped", "only models and data sets are mirrored")
    if found.type is None or not found.repo or found.rev is None:
        return Adopted(found.title, "skipped", "nothing tells of which repository and commit it is: name it with --repo")
    if not found.files and not found.parts:
        odd = next((f", {path}: {why}" for path, why in sorted(found.odd.items())), "")
        return Adopted(found.title, "skipped", f"no file of it can be read here{odd}")
    kind, rev = found.type, found.rev
    repo_id = parse_repo_id(Origin(upstream.origin), kind, full_name(upstream, kind, found.repo))
    try:
        files = tuple(upstream.tree(kind, repo_id.path, rev))
    except (PeerError, NotFoundError) as error:
        return _claimed(node, found, repo_id, upstream, options, why=error)
    return _compared(node, found, RevisionClaim(repo_id, rev, files), upstream, options, fetch=fetch)


def _called(found: FoundRevision, named: tuple[RepoType, str, str] | None, upstream: Upstream) -> FoundRevision:
    """Return a plain folder as the revision that somebody says it is; raises as the upstream, if it has to be asked."""
    if found.kind is Kind.HUB or found.type is not None or named is None:
        return found
    kind, path, name = named
    rev = GitOid(name) if is_git_oid(name) else found.rev if name == "main" else None
    return replace(found, type=kind, repo=path, rev=rev or upstream.info(kind, path, name).rev)


def _compared(
    node: Node, found: FoundRevision, claim: RevisionClaim, upstream: Upstream, options: Options, *, fetch: bool
) -> Adopted:
    """Take in what the upstream says the same about (step 2)."""
    repo_id, kind = claim.repo, claim.repo.type
    try:
        info = upstream.info(kind, repo_id.path, claim.rev)
        main = upstream.info(kind, repo_id.path, "main").rev
    except PeerError as error:
        return Adopted(found.title, "skipped", error.message)
    altered: dict[str, str] = {}
    chosen = replace(options, local=_local(found), refused=lambda one, says: altered.update({one.path: says}))
    claim = replace(claim, gated=info.gated, private=info.private)
    repo = open_mirror(node, repo_id, upstream.url, private=info.private)
    gate(node, repo, gated=info.gated)
    with sole(mirror_folder(node) / f"{repo.id}.lock", f"mirroring {repo.repo.path}"):
        if not info.private:
            repo = disclose(node, upstream, repo, options)
        missing = [one.path for one in claim.files if not found.has(one.path)]
        if missing and not fetch and pin(node, repo, claim).state != "complete":
            here = tuple(one for one in claim.files if found.has(one.path))
            _take_part(node, repo, replace(claim, files=here), chosen)
            says = f"{len(here)} of {len(claim.files)} files are here; the others are fetched when it is mirrored"
            return Adopted(found.title, "partial", says, altered=_told(altered))
        ref = RefName("refs/heads/main") if main == claim.rev else None
        done = take_revision(node, upstream, repo, claim, ref=ref, options=chosen)
    return Adopted(found.title, "mirrored", mirrored=done, altered=_told(altered))


def _take_part(node: Node, repo: Repo, claim: RevisionClaim, options: Options) -> None:
    """Take in some files of a revision, one by one; what cannot be had from here is left for later."""
    for one in claim.files:
        with suppress(IntegrityError, NotFoundError):
            Intake(node, repo, claim.rev, [one], (), options).run()


def _claimed(
    node: Node, found: FoundRevision, repo_id: RepoId, upstream: Upstream, options: Options, *, why: HanseError
) -> Adopted:
    """Keep a complete snapshot as what this machine alone says (step 3)."""
    if not found.complete or found.odd:
        return Adopted(found.title, "skipped", f"it may be a part of a revision, and its upstream does not tell: {why.message}")
    known = find_mirror(node, repo_id)
    if known is not None and known.public and _is_kept_from_us(why):
        return Adopted(found.title, "skipped", f"its mirror here is public, and by now it is not: {why.message}")
    assert found.rev is not None
    pins = tuple(pin_of(found, path) for path in sorted(found.files))
    claim = RevisionClaim(repo_id, found.rev, pins, NO_WORDS, source="cache")
    repo = open_mirror(node, repo_id, upstream.url, private=known is None or not known.public)
    with sole(mirror_folder(node) / f"{repo.id}.lock", f"mirroring {repo.repo.path}"):
        row = pin(node, repo, claim)
        repo, revision = take(node, repo, row, (), replace(options, local=_local(found)))
        if row.source != "upstream":
            _label(node, repo, found.rev, why)
    done = Mirrored(repo, revision, None, None, fresh=row.state != "complete", hidden=hidden(node, repo))
    if row.source == "upstream":
        return Adopted(found.title, "mirrored", f"its upstream said so before: {why.message}", done)
    shown = "" if repo.public else "; for this node's operators, until its upstream shows it to everybody"
    return Adopted(found.title, "claimed", f"only this machine says so: {why.message}{shown}", done)


def _label(node: Node, repo: Repo, rev: GitOid, why: HanseError) -> None:
    """Note that only this machine says what a revision is, and of a mirror whose upstream never answered that it did not."""
    # Whoever sees the revision is told; how this node asks, and what went wrong, is its operator's to know.
    asked = isinstance(why, NotFoundError | PeerRefused)
    now, says = node.clock.now(), f"{LABEL}; {repo.repo.origin} {'does not say so' if asked else 'could not be asked'}"
    with node.db.write() as conn:
        notices.put(conn, [Notice(repo.id, rev, LOCAL_CLAIM, "", says, now)])
        row = mirrors.get(conn, repo.id)
        if row is not None and not row.seen_at:
            mirrors.note(conn, repo.id, now, why.message)


def _is_kept_from_us(why: HanseError) -> bool:
    """Tell whether an upstream says that a repository is not for everybody, or not there."""
    return isinstance(why, RepoNotFound) or (isinstance(why, PeerRefused) and why.status in (401, 403, 451))


def pin_of(found: FoundRevision, path: str) -> FilePin:
    """Return the pin of a file as it lies here; raises DigestMismatch if the cache itself says that it is another one."""
    said = found.said.get(path)
    sha256, size = hashlib.sha256(), 0
    expected = _size(found, path)
    blob = BlobHasher(expected)
    for piece in _reading(found, path)():
        sha256.update(piece)
        blob.update(piece)
        size += len(piece)
    if size != expected:
        raise DigestMismatch(f"{path!r} changed while it was read")
    digest, oid = Sha256(sha256.hexdigest()), blob.finish()
    lfs = said is not None and said.sha256 is not None
    if said is not None and ((lfs and said.sha256 != digest) or (said.git_oid is not None and not lfs and said.git_oid != oid)):
        raise DigestMismatch(f"{path!r} is not what the cache says that it is: it was altered")
    return FilePin(path, size, lfs_pointer_id(digest, size) if lfs else oid, lfs, digest if lfs else None)


def _size(found: FoundRevision, path: str) -> int:
    try:
        return sum(place.stat().st_size for place in found.parts.get(path) or (found.files[path],))
    except OSError as error:
        raise BlobNotFound(f"{path!r} cannot be read: {error.strerror}") from error


def _reading(found: FoundRevision, path: str) -> Local:
    def read() -> Iterator[bytes]:
        try:
            yield from read_pieces(found, path)
        except StorageError as error:
            raise BlobNotFound(error.message) from error

    return read


def _local(found: FoundRevision) -> Callable[[FilePin], Local | None]:
    """Return where a pinned file lies."""
    return lambda wanted: _reading(found, wanted.path) if found.has(wanted.path) else None


def _told(altered: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{path}: {says}" for path, says in sorted(altered.items())[:MAX_ALTERED])
