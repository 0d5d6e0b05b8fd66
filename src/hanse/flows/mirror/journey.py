"""Mirroring a repository of an upstream hub.

1. The upstream says what the revision name means now, and lists the files of that commit, every time.
2. That is pinned: a later claim about the same commit that says something else is an alarm.
3. The files are taken in: fetched, checked against every digest claimed, scanned (`hanse.flows.mirror.intake`).
4. The revision is complete: recorded, resolvable (`hanse.flows.mirror.complete`).
5. If it is what a branch or tag points at, that is observed in the log; a history that was rewritten is remarked on.
6. Its manifest is signed, and what was observed.

A process that is killed anywhere leaves what it has; the same again goes on from there. While the upstream is down everything
that was taken in is served, as of when it was last seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from hanse.db import mirrors, notices, revisions
from hanse.db.mirrors import Claimed
from hanse.db.notices import Notice
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import HanseError, PeerError, RevisionNotFound
from hanse.flows.mirror import complete as completing
from hanse.flows.mirror.claims import NO_WORDS, RevisionClaim, parse_words, unpack, words_of
from hanse.flows.mirror.disclose import disclose
from hanse.flows.mirror.gone import observe_gone
from hanse.flows.mirror.intake import Intake, Options
from hanse.flows.mirror.large import mirror_folder
from hanse.flows.mirror.observation import attest_observation
from hanse.flows.mirror.rows import find_mirror, gate, hidden, open_mirror, pin
from hanse.flows.mirror.upstream import CommitClaim, InfoClaim, Upstream, full_name
from hanse.flows.node import Node
from hanse.flows.records import ClaimedWords
from hanse.model.digest import NO_GIT_OID, GitOid, is_git_oid
from hanse.model.repo import Origin, RefName, RepoId, RepoType, parse_repo_id
from hanse.peers.place import Place
from hanse.store.parts import sole

MAX_COMMITS = 10_000
"""Commits of one branch looked at with `--all-revisions`, or to see whether history was rewritten."""
REWRITTEN = "history-rewritten"


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What came of it: the repository and the revision; ref: the name that was observed; index: of the observation's leaf.

    rewritten: the revision where the ref was before, if it is not in the history any more; fresh: nothing of it was here before;
    hidden: why the plain name does not mean it at this node, empty if it does.
    """

    repo: Repo
    revision: Revision
    ref: RefName | None
    index: int | None
    rewritten: GitOid | None = None
    fresh: bool = True
    hidden: str = ""


def mirror(
    node: Node, upstream: Upstream, kind: RepoType, path: str, name: str = "main", *, options: Options | None = None
) -> Mirrored:
    """Mirror what a revision name of an upstream's repository means now (steps 1 to 6), and return what came of it.

    Raises what the upstream raises, which is noted; IntegrityError for lies; PolicyError if the scanner's policy refuses a file;
    Busy if another process mirrors the same repository.
    """
    chosen = options or Options()
    path = full_name(upstream, kind, path, name)
    known = find_mirror(node, parse_repo_id(Origin(upstream.origin), kind, path))
    with _noted(node, known):
        # 1. What the upstream says.
        info = _asked(node, upstream, known, (kind, path, name))
        repo_id = parse_repo_id(Origin(upstream.origin), kind, info.path)
        ref = _ref_of(upstream, kind, path, name)
        claim = _claim(node, upstream, repo_id, info)
    repo = open_mirror(node, repo_id, upstream.url, private=info.private)
    with node.db.write() as conn:
        mirrors.note(conn, repo.id, node.clock.now())
    gate(node, repo, gated=info.gated)
    with sole(mirror_folder(node) / f"{repo.id}.lock", f"mirroring {repo.repo.path}"):
        if not info.private:
            repo = disclose(node, upstream, repo, chosen)
        return take_revision(node, upstream, repo, claim, ref=ref, options=chosen)


def take_revision(
    node: Node, upstream: Upstream, repo: Repo, claim: RevisionClaim, *, ref: RefName | None, options: Options
) -> Mirrored:
    """Take in one claimed revision of an open mirror, and observe and sign it (steps 2 to 6)."""
    # 2. The pins.
    row = pin(node, repo, claim)
    # 3. and 4.
    where = (repo.repo.type, repo.repo.path, claim.rev)
    also = () if claim.gated or claim.private or not repo.public else options.also(*where)
    repo, revision = take(node, repo, row, [*options.places, upstream.place(*where), *also], options)
    # 5. The observation.
    rewritten = None
    index = None
    if ref is not None:
        rewritten = _rewritten(node, upstream, repo, ref, revision)
        index = completing.observe(node, repo, ref, revision)
    # 6. The signatures.
    completing.attest(node, repo, revision)
    if ref is not None:
        attest_observation(node, repo, ref, revision)
    return Mirrored(repo, revision, ref, index, rewritten, fresh=row.state != "complete", hidden=hidden(node, repo))


def take(node: Node, repo: Repo, row: Claimed, places: Sequence[Place], options: Options) -> tuple[Repo, Revision]:
    """Take in the files of a pinned revision and complete it, unless that was done before."""
    with node.db.read() as conn:
        there = revisions.get(conn, repo.id, row.rev)
    if there is not None and there.state == "live":
        return repo, there
    intake = Intake(node, repo, row.rev, unpack(row.pins), places, options)
    return completing.complete(node, repo, row, intake.run())


def _asked(node: Node, upstream: Upstream, known: Repo | None, subject: tuple[RepoType, str, str]) -> InfoClaim:
    """Return what a revision name means now; that a branch or tag of a mirror is gone is observed before RevisionNotFound."""
    try:
        return upstream.info(*subject)
    except RevisionNotFound as error:
        gone = () if known is None else observe_gone(node, upstream, known, subject[2])
        if not gone:
            raise
        says = f"{error.message}; that {', '.join(gone)} is gone is observed, and what it pointed at stays by its commit id"
        raise RevisionNotFound(says) from error


@contextmanager
def _noted(node: Node, repo: Repo | None) -> Iterator[None]:
    """Note of a mirror that its upstream did not answer, if the block fails so."""
    try:
        yield
    except PeerError as error:
        if repo is not None:
            with node.db.write() as conn:
                mirrors.note(conn, repo.id, node.clock.now(), error.message or type(error).__name__)
        raise


def _ref_of(upstream: Upstream, kind: RepoType, path: str, name: str) -> RefName | None:
    """Return the full name of the branch or tag that a revision name means; None for a commit id."""
    if is_git_oid(name):
        return None
    if name.startswith(("refs/heads/", "refs/tags/")):
        return RefName(name)
    if name in ("main", "HEAD"):
        return RefName("refs/heads/main")
    known = upstream.refs(kind, path)
    found = next((full for full in (f"refs/heads/{name}", f"refs/tags/{name}") if full in known), None)
    return None if found is None else RefName(found)


def _claim(node: Node, upstream: Upstream, repo_id: RepoId, info: InfoClaim) -> RevisionClaim:
    """Return what the upstream says of a revision.

    Files are listed every time, also of what is complete here: an upstream that gives a commit id other files than before is
    noticed by nothing else. What it says of the commit is asked once, because nothing replaces it.
    """
    files = tuple(upstream.tree(repo_id.type, repo_id.path, info.rev))
    repo = find_mirror(node, repo_id)
    with node.db.read() as conn:
        row = None if repo is None else mirrors.claimed(conn, repo.id, info.rev)
    words = parse_words(row.words) if row is not None and row.source == "upstream" else _words(upstream, repo_id, info.rev)
    return RevisionClaim(repo_id, info.rev, files, words, gated=info.gated, private=info.private)


def _words(upstream: Upstream, repo_id: RepoId, rev: GitOid) -> ClaimedWords:
    try:
        listed = upstream.commits(repo_id.type, repo_id.path, rev, 1)
    except (PeerError, RevisionNotFound):
        return NO_WORDS
    if not listed or listed[0].rev != rev:
        return NO_WORDS
    said = listed[0]
    return words_of(said.title, said.message, said.author, said.time)


def _rewritten(node: Node, upstream: Upstream, repo: Repo, ref: RefName, revision: Revision) -> GitOid | None:
    """Return the revision that a branch was at, if the upstream's list of commits does not lead back to it; noted as such."""
    with node.db.read() as conn:
        at = revisions.ref(conn, repo.id, ref)
    if at is None or at.rev in (revision.rev, NO_GIT_OID):
        return None
    if ref.startswith("refs/tags/"):
        says = f"the tag {ref.removeprefix('refs/tags/')} of {repo.repo.origin} was at revision {at.rev[:12]}, and was moved"
    elif ref.startswith("refs/heads/") and not _leads_back(upstream, repo, revision.rev, at.rev):
        name = ref.removeprefix("refs/heads/")
        says = f"revision {at.rev[:12]}, where {name} was, is no longer in its history at {repo.repo.origin}"
    else:
        return None
    with node.db.write() as conn:
        notices.put(conn, [Notice(repo.id, revision.rev, REWRITTEN, f"{ref} {at.rev}", says, node.clock.now())])
    return at.rev


def _leads_back(upstream: Upstream, repo: Repo, rev: GitOid, to: GitOid) -> bool:
    """Tell whether a revision is in the history of another, or nobody can tell that it is not."""
    try:
        listed = upstream.commits(repo.repo.type, repo.repo.path, rev, MAX_COMMITS)
    except HanseError:
        return True
    return len(listed) >= MAX_COMMITS or any(one.rev == to for one in listed)


def mirror_all(
    node: Node, upstream: Upstream, kind: RepoType, path: str, options: Options | None = None, *, new_only: bool = False
) -> Iterator[Mirrored | HanseError]:
    """Mirror every branch and tag and every commit that leads to a branch, the oldest first; yield what came of each.

    What cannot be mirrored is yielded as its error, and the others go on; an upstream that is down ends it. Branches and tags
    that are gone there are observed to be. new_only: commits that are complete here are passed over.
    """
    chosen = options or Options()
    path = full_name(upstream, kind, path)
    known = find_mirror(node, parse_repo_id(Origin(upstream.origin), kind, path))
    if known is not None:
        observe_gone(node, upstream, known)
    refs = {ref: rev for ref, rev in upstream.refs(kind, path).items() if ref.startswith(("refs/heads/", "refs/tags/"))}
    listed: dict[GitOid, CommitClaim | None] = {}
    for name in sorted(refs, key=lambda one: (one != "refs/heads/main", one)):
        if name.startswith("refs/heads/"):
            found = {one.rev: one for one in upstream.commits(kind, path, refs[name], MAX_COMMITS)}
            listed |= {rev: commit for rev, commit in found.items() if rev not in listed}
    done = _complete(node, known) if new_only else frozenset[GitOid]()
    left, at, came = [one for one in reversed(listed) if one not in done], set(refs.values()), set[GitOid]()
    for rev in left:
        if rev not in at:  # else it comes with its name, once
            yield from _one(node, upstream, kind, path, rev, options=chosen)
    for ref, rev in refs.items():
        for one in _one(node, upstream, kind, path, ref, options=chosen):
            came.add(rev if isinstance(one, HanseError) else one.revision.rev)
            yield one
    for rev in left:
        if rev in at - came:  # its name moved on meanwhile
            yield from _one(node, upstream, kind, path, rev, options=chosen)


def _complete(node: Node, repo: Repo | None) -> frozenset[GitOid]:
    """Return the revisions of a mirror that its upstream named and that are all here."""
    with node.db.read() as conn:
        rows = () if repo is None else mirrors.of_repo(conn, repo.id)
    return frozenset(row.rev for row in rows if row.state == "complete" and row.source == "upstream")


def _one(
    node: Node, upstream: Upstream, kind: RepoType, path: str, name: str, *, options: Options
) -> Iterator[Mirrored | HanseError]:
    try:
        yield mirror(node, upstream, kind, path, name, options=options)
    except PeerError:
        raise
    except HanseError as error:
        if options.stop.is_set():
            raise
        yield error


__all__ = ["Mirrored", "Options", "mirror", "mirror_all", "take", "take_revision"]
