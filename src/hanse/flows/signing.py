"""Chains from before this node had keys: each goes on with one leaf that says the same once more, signed.

What was written unsigned stays as it is. This is done once, in the background of the first start with keys; a chain that
somebody publishes to meanwhile goes on signed by that.
"""

from __future__ import annotations

from sqlalchemy import Connection

from hanse.db import leaves, repos
from hanse.db.repos import Repo
from hanse.db.state import get_fact, put_fact
from hanse.errors import RepoNotFound
from hanse.flows import chains
from hanse.flows.chains import Position
from hanse.flows.node import Node
from hanse.model.leaf import parse_leaf
from hanse.model.ref_leaf import RefLeaf

_DONE = "chains_signed"
_PAGE = 200


def sign_chains(node: Node) -> int:
    """Queue a signed leaf for every live ref whose newest leaf is not signed, and return how many; nothing once it was done.

    May be ended at any time and begun again; several processes may do it at once. Raises Busy if a repository does not come to
    rest.
    """
    with node.db.read() as conn:
        if get_fact(conn, _DONE) is not None:
            return 0
    count, page = 0, [0]
    while page:
        with node.db.read() as conn:
            page = repos.live_after(conn, page[-1], _PAGE)
            found = [repo for number in page if (repo := repos.get(conn, number)) is not None]
        for repo in found:
            count += _sign(node, repo)
    with node.db.write() as conn:
        put_fact(conn, _DONE, "1")
    return count


def _sign(node: Node, repo: Repo) -> int:
    def change(conn: Connection, locked: Repo) -> int:
        positions = chains.newest_of(conn, locked.id, chains.ref_names(conn, locked.id))
        unsigned = [at for at in positions.values() if at.there and not _is_signed(conn, locked.id, at)]
        for position in unsigned:
            chains.queue_signed(node, conn, locked, position, node.clock.now())
        return len(unsigned)

    try:
        return chains.change_repo(node, repo, change)
    except RepoNotFound:
        return 0


def _is_signed(conn: Connection, repo: int, position: Position) -> bool:
    row = leaves.by_hash(conn, repo, position.ref, position.leaf_hash)
    leaf = None if row is None else parse_leaf(row.leaf)
    return isinstance(leaf, RefLeaf) and bool(leaf.sig)
