"""What its home says later of a repository that is copied: where branches and tags are, and whether it is still everybody's.

1. Branches and tags: the newest leaf of each in the home's log, as it was replayed here. One that moved to a revision that is
   held is observed to be there, one that was deleted is observed to be gone; where the revision is still to come, it stays.
2. Visibility: the newest leaf about the repository. What its home does not show to everybody any more is refused here, too.
3. Gating is in no log: the home is asked. Who may have a gated repository only its home knows: the copy lets nobody in.
4. Whether members may hold a gated repository its home's log says (`may_hold`).

While the home is silent, or says that it knows no such repository, what was last known holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from hanse.db import foreign, repos, revisions, witnesses
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import HanseError, PeerRefused, RepoNotFound
from hanse.flows.foreign.copies import Copy
from hanse.flows.mirror import complete as completing
from hanse.flows.node import Node
from hanse.model.copies_leaf import CopiesLeaf
from hanse.model.digest import NO_GIT_OID, GitOid
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp
from hanse.model.repo import RefName, RepoId, Visibility
from hanse.peers.client import PeerClient
from hanse.peers.hub import Hub
from hanse.peers.staticsite import StaticSite

MAX_REFS = 10_000
"""Branches and tags of one repository that are looked at, those that moved last."""
MANUAL = "manual"
_SHOWN = ("refs/heads/", "refs/tags/")


def follow_refs(node: Node, repo: Repo) -> int:
    """Observe where the branches and tags of a copy are by its home's log (1); return how many moved. Safe to repeat."""
    place = foreign.place_of(repo.repo.origin, repo.repo.type.value, repo.repo.folded)
    with node.db.read() as conn:
        log = witnesses.find(conn, repo.repo.origin)
        if log is None:
            return 0
        indexes = foreign.newest_refs(conn, log.origin, place, log.mirrored, MAX_REFS)
        known = {row.ref: row.rev for row in revisions.all_refs(conn, repo.id)}
    copy, moved = Copy(node.db, node.store, log), 0
    for leaf in map(copy.leaf, indexes):
        if not isinstance(leaf, RefLeaf) or leaf.concealed or not leaf.ref.startswith(_SHOWN):
            continue
        ref = RefName(leaf.ref)
        if leaf.rev == known.get(ref, NO_GIT_OID):
            continue
        revision = None if leaf.rev == NO_GIT_OID else _held(node, repo, leaf)
        if revision is not None or leaf.rev == NO_GIT_OID:
            moved += completing.observe(node, repo, ref, revision) is not None
    return moved


def _held(node: Node, repo: Repo, leaf: RefLeaf) -> Revision | None:
    with node.db.read() as conn:
        found = revisions.get(conn, repo.id, GitOid(leaf.rev))
    return found if found is not None and found.state == "live" and found.tree == leaf.tree else None


def follow_gate(node: Node, client: PeerClient, repo: Repo, rev: GitOid, urls: Sequence[str]) -> str | None:
    """Let a copy ask for access as its home does (2 and 3); return how it does from now on, None if nothing was learned.

    rev: a revision that the home has had; urls: where the home answers.
    """
    op = _last(node, repo)
    if op is not None and op.op is RepoOp.VISIBILITY and op.to != Visibility.PUBLIC.value:
        gate: str | None = MANUAL
    else:
        gate = next((found for url in urls if (found := _asked(client, url, repo, rev)) is not None), None)
        if gate is None or (op is not None and op.op is RepoOp.DELETE):
            return None
    with node.db.write() as conn:
        locked = repos.lock(conn, repo.id)
        if locked is not None and locked.gated != gate:
            repos.update_columns(conn, repo.id, gated=gate)
    return gate


def may_hold(node: Node, repo: RepoId) -> bool | None:
    """Tell whether the home lets members hold a repository while it is gated (4); None if its log does not say.

    What it says holds until the next leaf about the repository as a whole: for no other name, and nothing made anew.
    """
    place = foreign.place_of(repo.origin, repo.type.value, repo.folded)
    with node.db.read() as conn:
        log = witnesses.find(conn, repo.origin)
        if log is None:
            return None
        said = foreign.newest_repo(conn, log.origin, place, log.mirrored, foreign.COPY)
        changed = foreign.newest_repo(conn, log.origin, place, log.mirrored)
    if said is None or said < (changed or 0):
        return None
    leaf = Copy(node.db, node.store, log).leaf(said)
    return leaf.allowed if isinstance(leaf, CopiesLeaf) and leaf.origin == repo.origin else None


def _last(node: Node, repo: Repo) -> RepoLeaf | None:
    """Return the newest leaf about a repository as a whole in its home's log."""
    place = foreign.place_of(repo.repo.origin, repo.repo.type.value, repo.repo.folded)
    with node.db.read() as conn:
        log = witnesses.find(conn, repo.repo.origin)
        index = None if log is None else foreign.newest_repo(conn, log.origin, place, log.mirrored)
    leaf = None if log is None or index is None else Copy(node.db, node.store, log).leaf(index)
    return leaf if isinstance(leaf, RepoLeaf) else None


def _asked(client: PeerClient, url: str, repo: Repo, rev: GitOid) -> str | None:
    """Return how the home at an address gates a repository; None if it does not say."""
    hub = Hub(url)
    try:
        said = hub.info(repo.repo.type, repo.repo.path, rev).info.get("gated")
    except PeerRefused as error:
        return MANUAL if error.status in (401, 403) else None
    except RepoNotFound:
        return _published(client, url, repo)
    except HanseError:
        return None
    finally:
        hub.close()
    return MANUAL if said else ""


def _published(client: PeerClient, url: str, repo: Repo) -> str | None:
    """Return how it stands with a home that only publishes files: what is not among them is for nobody; None if it is a node."""
    site = StaticSite(client, url)
    try:
        if site.index() is None:
            return None
        return MANUAL if site.refs(repo.repo.type, repo.repo.folded) is None else ""
    except HanseError:
        return None
