"""How many members must disappear before a revision is lost, counted by the chunks that members hold, in whatever revision.

1. Whoever holds the revision holds all its files.
2. Other revisions whose chunks may be the same: older ones of the repository, and the newest ones of public repositories that
   share stored chunks with it here. Whose logs list them holds their files, too.
3. The chunks of all these files are known here, because the files are.

What is looked at is bounded; revisions with more chunks than that are counted by files.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from hanse.content.hashing import CHUNK_RECORD_BYTES, HASH_BYTES
from hanse.db import repos, revisions, sightings
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.db.schema import repo_xorbs
from hanse.db.schema import repos as repos_table
from hanse.flows.audits.counted import failed
from hanse.flows.node import Node
from hanse.model.digest import XetHash
from hanse.model.repo import Origin
from hanse.policy.loss import Loss, loss
from hanse.store.keys import chunk_list_key

MAX_CHUNKS = 200_000
MAX_REVISIONS = 50
MAX_REPOS = 20
MAX_SAID = 5000
CHUNKS, FILES = "chunks", "files"


def revision_loss(node: Node, repo: Repo, revision: Revision, holders: Iterable[Origin]) -> tuple[Loss, str]:
    """Return what it takes before a revision is lost, and whether it was counted by `chunks` or by `files`.

    holders: who holds all of it, this node included. Raises IntegrityError or StorageError if what is here is damaged.
    """
    # 1. The revision.
    wanted = _files(node, revision)
    held: dict[str, set[str]] = {str(one): set(wanted) for one in {*holders, node.origin}}
    # 2. Others.
    for other, members in _elsewhere(node, repo, revision):
        files = _files(node, other)
        for member in members:
            held.setdefault(str(member), set()).update(files)
        held[str(node.origin)] |= files
    # 3. Chunks.
    files = set[str]().union(*held.values())
    sizes = [node.store.size(chunk_list_key(XetHash(one))) or 0 for one in files]
    if sum(sizes) > MAX_CHUNKS * CHUNK_RECORD_BYTES:
        return loss(wanted, {one: [one.encode()] for one in files}, held), FILES
    return loss(wanted, {one: _chunks(node, XetHash(one)) for one in files}, held), CHUNKS


def _files(node: Node, revision: Revision) -> set[str]:
    entries = node.listings.get(node.store, revision.object).directory.entries()
    return {str(entry.xet) for entry in entries if entry.size}


def _chunks(node: Node, xet: XetHash) -> list[bytes]:
    data = node.store.get(chunk_list_key(xet))
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), CHUNK_RECORD_BYTES)]


def _elsewhere(node: Node, repo: Repo, revision: Revision) -> list[tuple[Revision, set[Origin]]]:
    """Return other revisions that may share chunks with this one, with the members who hold them."""
    with node.db.read() as conn:
        mine = [(repo, one) for one in revisions.all_of(conn, repo.id, ["live", "retired"]) if one.rev != revision.rev]
        near = mine[-MAX_REVISIONS:] + _sharing(conn, repo)
        said = sightings.about(conn, "rev", [one.rev for _, one in near], MAX_SAID)
    without = failed(node)
    found = []
    for other, one in near:
        place = (other.repo.origin, other.repo.type.value, other.repo.folded, one.rev, one.tree)
        members = {
            row.log for row in said if (row.origin, row.type, row.repo, row.rev, row.tree) == place and row.manifest
        } - without
        if members:
            found.append((one, members))
    return found


def _sharing(conn: Connection, repo: Repo) -> list[tuple[Repo, Revision]]:
    """Return public repositories that refer to xorbs of this one, each with its newest revision."""
    other, own = repo_xorbs.alias(), repo_xorbs
    query = (
        select(other.c.repo_id).join(own, own.c.xorb_id == other.c.xorb_id).join(repos_table, repos_table.c.id == other.c.repo_id)
    )
    query = query.where(own.c.repo_id == repo.id, other.c.repo_id != repo.id, repos_table.c.visibility == "public")
    query = query.where(repos_table.c.state == "live", repos_table.c.head.is_not(None)).distinct().limit(MAX_REPOS)
    found = repos.get_many(conn, conn.execute(query).scalars().all())
    rows = [(one, revisions.get(conn, one.id, one.head)) for one in found.values() if one.head is not None]
    return [(one, row) for one, row in rows if row is not None and row.state == "live"]
