"""Letting go of copies that their owner took back: by a `withdraw` leaf in his log, signed and cosigned like everything there.

Branches and tags at the revision are observed to be gone, its bytes are refused at once (451), and what no other revision needs
is collected later, like anything that is not held any more. What was logged about it stays.
"""

from __future__ import annotations

from hanse.db import copies, repos, revisions
from hanse.db.copies import Copy
from hanse.db.repos import Repo
from hanse.flows.holdings import Named, settle_files
from hanse.flows.mirror import complete as completing
from hanse.flows.mirror.rows import find_mirror
from hanse.flows.node import Node
from hanse.model.repo import RepoId, RepoType, parse_repo_id


def release(node: Node, copy: Copy) -> bool:
    """Let go of a copy; tell whether there was one. Safe to repeat."""
    repo = find_mirror(node, named(copy))
    there = repo is not None and _let_go(node, repo, copy)
    with node.db.write() as conn:
        copies.set_state(conn, copy.key, copies.RELEASED, node.clock.now(), says="its owner took it back")
    return there


def named(copy: Copy) -> RepoId:
    """Return the repository that a row is about."""
    return parse_repo_id(copy.origin, RepoType(copy.type), copy.repo)


def _let_go(node: Node, repo: Repo, copy: Copy) -> bool:
    with node.db.read() as conn:
        found = revisions.get(conn, repo.id, copy.rev)
        refs = [one.ref for one in revisions.all_refs(conn, repo.id) if one.rev == copy.rev]
    if found is None or found.state != "live":
        return False
    for ref in refs:
        completing.observe(node, repo, ref, None)
    now = node.clock.now()
    with node.db.write() as conn:
        locked = repos.lock(conn, repo.id)
        if locked is None:
            return False
        revisions.set_state(conn, repo.id, [copy.rev], "erased", now)
        settle_files(conn, Named(node.store), repo.id, now - node.limits.upload_ttl_seconds)
    return True
