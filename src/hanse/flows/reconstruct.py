"""Reconstruction plans and chunk lists: how a client gets a file's chunks itself. Rights are checked at every call."""

from __future__ import annotations

from hanse.content.reconstruction import Plan, plan_range
from hanse.content.terms import parse_terms
from hanse.db.blobs import FileRow, file_states, find_by_xet
from hanse.db.repos import Repo
from hanse.db.xorbs import get_xorbs
from hanse.errors import BadRange, BlobNotFound
from hanse.flows.access import may_see, require_read_bytes
from hanse.flows.admission import require_content
from hanse.flows.dedup import advertise
from hanse.flows.node import Node
from hanse.flows.small_files import give_terms
from hanse.flows.transfers import Tables
from hanse.model.actor import Actor
from hanse.model.digest import XetHash
from hanse.store.keys import chunk_list_key


def plan(node: Node, actor: Actor, repo: Repo, xet: XetHash, *, start: int = 0, stop: int | None = None) -> Plan:
    """Return what has to be fetched for bytes [start, stop) of the file named `xet` of a repository; no stop: its end.

    Raises BlobNotFound if the repository holds no such file for the caller, Disabled or GatedRepo if he may not read it,
    BadRange if the range is empty or starts at or past the end.
    """
    file = find_file(node, actor, repo, xet)
    if not file.size:
        raise BadRange("the file is empty")
    terms = parse_terms(file.terms if file.terms is not None else give_terms(node, repo, file))
    end = file.size if stop is None else min(stop, file.size)
    # The whole list counts for offsets; only the tables of xorbs in the range are read.
    made = plan_range(terms, Tables(node.store, node.transfers.tables), start, end)
    with node.db.read() as conn:
        rows = get_xorbs(conn, list(made.fetches))
    advertise(node, rows.values())
    return made


def chunk_list(node: Node, actor: Actor, repo: Repo, xet: XetHash) -> bytes:
    """Return the chunk list of a file of the repository (36 bytes per chunk); raises as `plan` does."""
    file = find_file(node, actor, repo, xet)
    return node.store.get(chunk_list_key(file.xet))


def find_file(node: Node, actor: Actor, repo: Repo, xet: XetHash) -> FileRow:
    """Return a file of the repository that the caller may read now; raises BlobNotFound, Disabled, GatedRepo or Held.

    A file that no commit names yet exists for writers only.
    """
    missing = BlobNotFound(f"file {xet} is not in this repository")
    if not may_see(actor, repo):
        raise missing
    require_read_bytes(node, actor, repo)
    with node.db.read() as conn:
        found = find_by_xet(conn, repo.id, [xet]).get(xet)
        state = file_states(conn, repo.id, [found.id]).get(found.id) if found is not None else None
    if found is None or (state == "staged" and not actor.may_write(repo.people)):
        raise missing
    if state != "staged":
        require_content(node, actor, repo, found)
    return found
