"""Files by their Xet hash alone, whatever repository has them: how gateways and other nodes fetch what evidence names.

Knowing a hash gives nobody access: some repository that the caller may read must hold the file, and give it to him.
"""

from __future__ import annotations

from sqlalchemy import select

from hanse.db import repos
from hanse.db.blobs import FileRow, get_by_xet
from hanse.db.repos import Repo
from hanse.db.schema import repo_files
from hanse.db.schema import repos as repos_table
from hanse.errors import AccessError, BlobNotFound, HanseError, Held, NotFoundError
from hanse.flows.access import require_read_bytes, visible_repos_clause
from hanse.flows.admission import require_content
from hanse.flows.node import Node
from hanse.flows.read import FileReader, open_file
from hanse.model.actor import Actor
from hanse.model.digest import XetHash
from hanse.store.keys import chunk_list_key

_MOST_REPOS = 100
"""How many repositories that hold one file are tried; those that everybody may read come first."""


def find_file(node: Node, actor: Actor, xet: XetHash) -> tuple[FileRow, bool]:
    """Return a file that a commit names in some repository where the caller may read it now, and whether everybody may.

    Raises BlobNotFound if no repository that he may see has it; GatedRepo, Disabled or Held if those that have it refuse him.
    """
    missing = BlobNotFound(f"file {xet} is not here")
    with node.db.read() as conn:
        row = get_by_xet(conn, [xet]).get(xet)
        if row is None or row.erased:
            raise missing
        holds = (repo_files.c.file_id == row.id) & (repo_files.c.state != "staged")
        query = select(repo_files.c.repo_id).join(repos_table, repos_table.c.id == repo_files.c.repo_id)
        query = query.where(holds, visible_repos_clause(actor)).order_by(
            repos_table.c.visibility != "public", repos_table.c.gated != "", repos_table.c.id
        )
        found = [repos.get(conn, number) for number in conn.execute(query.limit(_MOST_REPOS)).scalars().all()]
    refusal: HanseError = missing
    for repo in found:
        if repo is None:
            continue
        try:
            require_read_bytes(node, actor, repo)
            require_content(node, actor, repo, row)
        except (AccessError, Held, NotFoundError) as error:
            refusal = error
            continue
        return row, _open_to_all(repo)
    raise refusal


def _open_to_all(repo: Repo) -> bool:
    return repo.public and not repo.gated


def open_by_xet(node: Node, actor: Actor, xet: XetHash) -> tuple[FileReader, bool]:
    """Return a reader of a file and whether everybody may read it; raises as `find_file`, IntegrityError if it is damaged."""
    row, shared = find_file(node, actor, xet)
    return open_file(node, row), shared


def chunk_list(node: Node, actor: Actor, xet: XetHash) -> tuple[bytes, bool]:
    """Return the chunk list of a file (36 bytes per chunk) and whether everybody may read it; raises as `find_file`."""
    row, shared = find_file(node, actor, xet)
    return node.store.get(chunk_list_key(row.xet)), shared
