"""Garbage collection (`hanse admin gc`): what nobody can ask for any more, and what was kept long enough.

1. Revisions retired longer than the retention time are let go; repositories withdrawn longer than that are erased.
2. Repositories give up the files that none of their kept revisions names, and uploads that were never committed.
3. Files that no repository holds lose their bytes and scan facts.
4. Xorbs that no file needs go once no client was told of them for `garbage_seconds`: clients remember where chunks are for
   three weeks (hub-api.md, rule 11).
5. Bundles that were signed and never entered go.
6. The journal's superseded partial tiles and heads go.

Objects are deleted inside the transaction that forgets them, under locks that keep others from taking them up meanwhile. A
crash in between leaves rows whose objects are gone, which nothing refers to; the next run removes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.db import garbage, repos, revisions, scans
from hanse.flows.erase import erase_repo, remove_bytes, sweep_bundles
from hanse.flows.holdings import Named, settle_files
from hanse.flows.journal import sweep
from hanse.flows.node import Node
from hanse.model.digest import xet_to_bytes
from hanse.store.keys import xorb_key, xorb_table_key

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Collected:
    """What a run removed: revisions let go, repositories erased, files, xorbs, stray bundles, superseded journal objects."""

    revisions: int
    erased_repos: int
    files: int
    xorbs: int
    bundles: int
    journal_objects: int


def collect(node: Node) -> Collected:
    """Remove everything that may go at present; safe beside running nodes, and to be run again after a crash."""
    now = node.clock.now()
    retained, stale = now - node.limits.retention_seconds, now - node.limits.upload_ttl_seconds
    # 1. and 2. Revisions, repositories and what they hold.
    with node.db.read() as conn:
        withdrawn = garbage.deleted_repos(conn, "withdrawn", retained)
        uploaders = garbage.stale_stagers(conn, stale)
    for repo in withdrawn:
        erase_repo(node, repo)
    gone = _expire(node, retained, stale)
    named = Named(node.store)
    for repo in uploaders:
        _settle(node, named, repo, retained, stale)
    # 3. to 6. Bytes.
    files = _remove_files(node, stale)
    with node.db.write() as conn:
        scans.drop_orphans(conn, stale)
    xorbs = _remove_xorbs(node, now - node.limits.garbage_seconds)
    return Collected(gone, len(withdrawn), files, xorbs, sweep_bundles(node), sweep(node.db, node.store))


def _expire(node: Node, retained: int, stale: int) -> int:
    """Let go of all revisions retired before `retained`; return their number."""
    count = 0
    while True:
        with node.db.read() as conn:
            some = revisions.retired_before(conn, retained, _BATCH)
        if not some:
            return count
        done = sum(_settle(node, Named(node.store), repo, retained, stale) for repo in sorted({row.repo_id for row in some}))
        if not done:  # those left are being restored
            return count
        count += done


def _settle(node: Node, named: Named, repo: int, retained: int, stale: int) -> int:
    """Let go of a repository's expired revisions and of what only they name, in one transaction."""
    with node.db.write() as conn:
        locked = repos.lock(conn, repo)
        if locked is None or locked.state not in ("live", "retired"):
            return 0
        retired = revisions.all_of(conn, repo, ["retired"])
        expired = [row.rev for row in retired if (row.retired_at or 0) < retained]
        revisions.set_state(conn, repo, expired, "erased", node.clock.now())
        settle_files(conn, named, repo, stale)
        if locked.state == "retired" and len(expired) == len(retired):
            repos.update_columns(conn, repo, state="erased")
        return len(expired)


def _remove_files(node: Node, before: int) -> int:
    count = 0
    while True:
        with node.db.write() as conn:
            some = garbage.unheld_files(conn, before, _BATCH)
            remove_bytes(node, conn, some)
        count += len(some)
        if not some:
            return count


def _remove_xorbs(node: Node, before: int) -> int:
    with node.db.write() as conn:
        garbage.stop_file_writers(conn)
        needed = garbage.needed_xorbs(conn)
        idle = [(row, name) for row, name in garbage.idle_xorbs(conn, before) if xet_to_bytes(name) not in needed]
        garbage.drop_xorbs(conn, [row for row, _ in idle])
        for _, name in idle:
            node.store.delete(xorb_key(name))
            node.store.delete(xorb_table_key(name))
    return len(idle)
