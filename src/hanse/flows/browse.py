"""Looking into repositories: lists of them, files of a revision, commits and what they changed."""

from __future__ import annotations

from hanse.db import revisions, search
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.db.search import Listed, Query
from hanse.errors import Recalled
from hanse.flows import access
from hanse.flows.admission import require_revision, withheld
from hanse.flows.listing import RevisionListing
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.digest import GitOid
from hanse.model.entry import Entry
from hanse.model.repo import RepoType


def open_revision(node: Node, actor: Actor, repo: Repo, name: str) -> tuple[Revision, RevisionListing]:
    """Return the revision that `name` means and its files.

    Raises RevisionNotFound, also for one with a file that the scanner recalled; Disabled.
    """
    revision, listing = read_revision(node, repo, name)
    require_revision(node, actor, repo, revision.rev, listing)
    return revision, listing


def recalled(node: Node, actor: Actor, repo: Repo, rev: GitOid) -> str:
    """Return why a revision is recalled from the caller, empty if it is not; its files are looked at only where one may be."""
    try:
        if withheld(node, actor, repo):
            open_revision(node, actor, repo, rev)
    except Recalled as error:
        return f"{error.message} ({error.hint})"
    return ""


def read_revision(node: Node, repo: Repo, name: str) -> tuple[Revision, RevisionListing]:
    """Return the revision that `name` means and its files, for lists of names; raises RevisionNotFound or Disabled."""
    revision = access.resolve_revision(node, repo, name)
    return revision, node.listings.get(node.store, revision.object)


def find_repos(node: Node, query: Query) -> list[Listed]:
    """Return a page of repositories."""
    with node.db.read() as conn:
        return search.find(conn, query)


def count_repos(node: Node, actor: Actor, kind: RepoType) -> int:
    """Return how many repositories of a type the caller may see; counting stops at 10,000."""
    with node.db.read() as conn:
        return search.count(conn, kind, access.visible_repos_clause(actor))


def commit_page(node: Node, repo: Repo, rev: GitOid, limit: int, skip: int) -> list[Revision]:
    """Return commits from `rev` back: `limit` of them after the first `skip`."""
    with node.db.read() as conn:
        return revisions.history(conn, repo.id, rev, limit, skip)


def changes(node: Node, repo: Repo, revision: Revision, most: int) -> tuple[list[tuple[str, Entry | None, Entry | None]], bool]:
    """Return (path, before, after) of the files a commit changed against its parent, by path, and whether these are all."""
    after = node.listings.get(node.store, revision.object).directory
    before = None
    if revision.parent is not None:
        with node.db.read() as conn:
            parent = revisions.get(conn, repo.id, revision.parent)
        if parent is not None and parent.state not in ("withdrawn", "erased"):
            before = node.listings.get(node.store, parent.object).directory
    old = {} if before is None else {entry.path: entry for entry in before.entries()}
    found: list[tuple[str, Entry | None, Entry | None]] = []
    for entry in after.entries():
        was = old.pop(entry.path, None)
        if was != entry:
            found.append((entry.path, was, entry))
    found += [(path, was, None) for path, was in old.items()]
    found.sort(key=lambda row: row[0])
    return found[:most], len(found) <= most
