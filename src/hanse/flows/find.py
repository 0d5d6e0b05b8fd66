"""Finding bytes by what they are (`hanse find`): which names and revisions here have them, and since when.

1. Of a digest of 64 digits: repositories that hold a file with this SHA-256 or Xet hash, and revisions with this `tree`; of one
   of 40 digits: revisions with this commit id. Only repositories that the caller may see are looked at.
2. Of a file, the revisions that name it: the heads of all refs, and the oldest revision whose record puts it.
3. Members whose logs this node mirrors and who signed a statement about one of these revisions, or about the one asked for.

What is looked at is bounded; an answer that may lack something says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hanse.db import find as rows
from hanse.db import logged, revisions, sightings
from hanse.db.find import Holder
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadDigest
from hanse.flows.access import visible_repos_clause
from hanse.flows.node import Node
from hanse.flows.records import load_revision
from hanse.model.actor import Actor
from hanse.model.digest import GitOid, Sha256, XetHash, is_git_oid, parse_sha256
from hanse.model.repo import Origin, RepoId
from hanse.store.keys import revision_key

MAX_REPOS = 100
MAX_RECORD_BYTES = 64 * 1024 * 1024
"""Bytes of revision records that one question may read."""
MAX_PATHS = 20
MAX_SAID = 200


@dataclass(frozen=True, slots=True)
class Sighting:
    """A revision that has the bytes.

    refs: names that point at it now; paths: of the file in it (empty: the revision as a whole was asked for); state: `live`
    or `retired`; since: seconds since 1970; index: of the first leaf in this node's log that names it, None if none does.
    """

    rev: GitOid
    tree: Sha256
    refs: tuple[str, ...]
    paths: tuple[str, ...]
    state: str
    since: int
    index: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """A repository that holds the bytes, with the revisions found in it, oldest first; since: seconds since 1970."""

    repo: RepoId
    since: int
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """An institution that says in its log that it holds the bytes.

    since: seconds since 1970, by its own word; names: under which its log has them, as (origin, type, namespace/name), in lower
    case; none for this node, whose names are in `held`.
    """

    origin: Origin
    since: int
    names: tuple[tuple[Origin, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found for a digest.

    kinds: what the digest is here: `sha256`, `xet`, `tree`, `rev`; complete: whether nothing was left out for its number.
    """

    digest: str
    kinds: tuple[str, ...]
    held: tuple[Held, ...]
    members: tuple[Member, ...]
    complete: bool


def find(node: Node, actor: Actor, digest: str) -> Findings:
    """Return who holds what has this digest (SHA-256, Xet hash, tree or commit id), as far as the caller may see.

    Raises BadDigest unless it is 40 or 64 lower-case hex digits.
    """
    if len(digest) not in (40, 64):
        raise BadDigest(f"a digest has 64 hex digits, a commit id 40, got {digest[:80]!r}")
    if len(digest) == 40 and not is_git_oid(digest):
        raise BadDigest(f"a commit id is 40 lower-case hex digits, got {digest!r}")
    visible = visible_repos_clause(actor)
    search = _Search(node)
    # 1. Repositories.
    with node.db.read() as conn:
        if len(digest) == 40:
            whole, holders = rows.with_revision(conn, "rev", digest, visible, MAX_REPOS + 1), []
        else:
            parse_sha256(digest)
            whole = rows.with_revision(conn, "tree", digest, visible, MAX_REPOS + 1)
            holders = rows.holders(conn, digest, visible, MAX_REPOS + 1)
    kinds = {"rev" if len(digest) == 40 else "tree"} if whole else set()
    kinds |= {name for holder in holders for name in ("sha256", "xet") if getattr(holder, name) == digest}
    search.complete = max(len(whole), len(holders)) <= MAX_REPOS
    # 2. Revisions.
    found = [search.revision(repo, rev) for repo, rev in whole[:MAX_REPOS]]
    found += [search.file(holder) for holder in holders[:MAX_REPOS]]
    held = sorted((one for one in found if one is not None), key=lambda one: (one.since, str(one.repo)))
    # 3. Members.
    members = [Member(node.origin, held[0].since)] if held else []
    others = search.members(digest, {one.tree for item in held for one in item.sightings})
    kinds |= {"rev" if len(digest) == 40 else "tree"} if others and not kinds else set()
    return Findings(digest, tuple(sorted(kinds)), tuple(held), (*members, *others), search.complete)


class _Search:
    """One question: what it may still read, and whether it had to leave something out."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._left = MAX_RECORD_BYTES
        self.complete = True

    def revision(self, repo: Repo, rev: GitOid) -> Held | None:
        """Return a repository with one revision of it, as a whole."""
        with self._node.db.read() as conn:
            found = revisions.get(conn, repo.id, rev)
        if found is None:
            return None
        return Held(repo.repo, found.created_at, tuple(self._sightings(repo, {found.rev: (found, ())})))

    def file(self, holder: Holder) -> Held:
        """Return a repository with the revisions in it that name a file."""
        node, repo = self._node, holder.repo
        with node.db.read() as conn:
            every = {row.rev: row for row in revisions.all_of(conn, repo.id, ["live", "retired"])}
            heads = {row.rev for row in revisions.all_refs(conn, repo.id)}
        named: dict[GitOid, tuple[Revision, tuple[str, ...]]] = {}
        for rev in sorted(heads & every.keys()):
            paths = self._paths(every[rev], holder)
            if paths:
                named[rev] = (every[rev], paths)
        first = self._first(list(every.values()), holder.xet)
        if first is not None and first.rev not in named:
            named[first.rev] = (first, self._paths(first, holder))
        since = min((row.created_at for row, _ in named.values()), default=holder.added_at)
        return Held(repo.repo, since, tuple(self._sightings(repo, named)))

    def members(self, digest: str, trees: set[Sha256]) -> list[Member]:
        """Return whose logs have statements about these trees, or about a tree or commit with this digest."""
        column, wanted = ("rev", [digest]) if len(digest) == 40 else ("tree", sorted({*trees, Sha256(digest)}))
        with self._node.db.read() as conn:
            said = sightings.about(conn, column, wanted, MAX_SAID + 1)
            if column == "rev" and trees:
                said += sightings.about(conn, "tree", sorted(trees), MAX_SAID + 1)
        self.complete = self.complete and len(said) <= MAX_SAID
        found: dict[Origin, Member] = {}
        for one in said[:MAX_SAID]:
            old = found.get(one.log, Member(one.log, one.time))
            names = dict.fromkeys((*old.names, (one.origin, one.type, one.repo)))
            found[one.log] = Member(one.log, min(old.since, one.time), tuple(names))
        return sorted(found.values(), key=lambda one: (one.since, one.origin))

    def _paths(self, revision: Revision, holder: Holder) -> tuple[str, ...]:
        listing = self._node.listings.get(self._node.store, revision.object)
        found = [entry.path for entry in listing.directory.entries() if entry.xet == holder.xet]
        self.complete = self.complete and len(found) <= MAX_PATHS
        return tuple(found[:MAX_PATHS])

    def _first(self, listed: Sequence[Revision], xet: XetHash) -> Revision | None:
        """Return the oldest revision whose record puts the file; None if nothing tells within the bounds."""
        store = self._node.store
        for row in listed:
            self._left -= store.size(revision_key(row.object)) or 0
            if self._left < 0:
                self.complete = False
                return None
            if any(put[3] == xet for put in load_revision(store, row.object).puts):
                return row
        return None

    def _sightings(self, repo: Repo, named: dict[GitOid, tuple[Revision, tuple[str, ...]]]) -> list[Sighting]:
        with self._node.db.read() as conn:
            indexes = logged.first_logged(conn, repo.id, list(named))
            refs = {rev: tuple(rows.refs_to(conn, repo.id, rev)) for rev in named}
        found = [
            Sighting(rev, row.tree, refs[rev], paths, row.state, row.created_at, indexes.get(rev))
            for rev, (row, paths) in named.items()
        ]
        return sorted(found, key=lambda one: (one.since, one.rev))
