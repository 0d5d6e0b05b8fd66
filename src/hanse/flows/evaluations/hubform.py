"""What logs list of evaluations of a revision, in the Hub's form: a view, made when it is asked for.

That form names a data set; records name a suite by its digest, which is the SHA-256 of its `suite.json`. So a suite that lies in
a data set of this node is named by that and its commit; one that ships, or that a known package holds, is `hanse/NAME`. Others
have no name in that form and are left out. Values are the institution's word; the source is where all of it is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from sqlalchemy import select

from hanse.db import repos as repos_db
from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.db.schema import files, repo_files
from hanse.db.schema import repos as repos_table
from hanse.flows.evaluations.listed import of_revision, to_json
from hanse.flows.node import Node
from hanse.flows.suites.folder import MANIFEST
from hanse.model.entry import Entry
from hanse.model.repo import RepoType

SHIPPED = "hanse"
"""Namespace of suites that ship: it is nobody's on this node."""
MAX_ENTRIES = 100
_MAX_LOOKED_AT = 20


def logged_results(node: Node, repo: Repo, rev: str, base: str) -> list[dict[str, Any]]:
    """Return an entry for the newest record of each institution with each suite that has a name, at most 100.

    base: address of this node as the caller sees it. Raises RevisionNotFound or Disabled.
    """
    url = f"{base}/api/{repo.repo.type.value}s/{quote(repo.repo.path)}/evaluations/{rev}"
    shown: list[dict[str, Any]] = []
    for suite in to_json(of_revision(node, repo, rev))["suites"]:
        dataset = _dataset(node, suite)
        if dataset is not None:
            shown += [_entry(one, suite, dataset, url) for one in suite["records"]]
    return shown[:MAX_ENTRIES]


def _entry(one: dict[str, Any], suite: dict[str, Any], dataset: dict[str, str], url: str) -> dict[str, Any]:
    notes = [f"95 % interval {one['low']:.6f} to {one['high']:.6f} on {one['n']} items", f"weights {one['weights']}"]
    notes += ["degenerate: within one item of 0 or 1"] * one["degenerate"]
    if corrected := one.get("corrected"):
        notes.append(f"corrected for the scorer's errors {corrected['value']}, {corrected['low']} to {corrected['high']}")
    against = ", ".join(one["disagrees"])
    notes += [f"checked by others at {one['level']}", *([f"{against} disagrees"] if against else [])]
    notes += [f"suite sha256:{suite['suite']}", f"record sha256:{one['record']}"]
    source = {"url": url, "name": f"Evaluation record of {one['member']}"}
    return {"dataset": dataset, "value": one["score"], "date": one["time"], "source": source, "notes": "; ".join(notes)}


def _dataset(node: Node, suite: dict[str, Any]) -> dict[str, str] | None:
    """Return how the form names a suite, None if it cannot."""
    for repo in _holders(node, suite["suite"]):
        with node.db.read() as conn:
            head = revisions.get(conn, repo.id, repo.head) if repo.head else None
        found = None if head is None or head.state == "withdrawn" else node.listings.get(node.store, head.object)
        manifest = None if found is None else found.directory.get(MANIFEST)
        if head is not None and isinstance(manifest, Entry) and manifest.sha256 == suite["suite"]:
            return {"id": repo.repo.path, "task_id": suite["name"] or "default", "revision": head.rev}
    return {"id": f"{SHIPPED}/{suite['name']}", "task_id": suite["name"]} if suite["name"] else None


def _holders(node: Node, digest: str) -> Iterator[Repo]:
    """Yield public data sets in which a file with this digest is, or was."""
    query = select(repos_table.c.id).distinct().order_by(repos_table.c.id)
    query = query.join(repo_files, repo_files.c.repo_id == repos_table.c.id).join(files, files.c.id == repo_files.c.file_id)
    public = (repos_table.c.visibility == "public") & (repos_table.c.state == "live") & ~repos_table.c.disabled
    query = query.where(files.c.sha256 == digest, public, repos_table.c.type == RepoType.DATASET.value)
    with node.db.read() as conn:
        found = repos_db.get_many(conn, conn.execute(query.limit(_MAX_LOOKED_AT)).scalars().all())
    yield from (repo for repo in found.values() if repo.head)
