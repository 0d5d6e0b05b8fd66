"""The suite of a job: one that ships or is installed, or one in a public dataset of this node, `datasets/NAMESPACE/NAME@REV`.

A job keeps the commit id of the revision, so that every worker runs the same suite, whatever a branch points at by then. A suite
in a folder is not queued: nobody else could look at it. A private one neither, since a record's files show its items.
"""

from __future__ import annotations

from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import EntryNotFound, NotFoundError, RepoNotFound, TooLarge
from hanse.evals.suite import MAX_MANIFEST_BYTES, Suite, parse_suite
from hanse.flows import access
from hanse.flows.admission import require_file
from hanse.flows.index import read_small
from hanse.flows.node import Node
from hanse.flows.suites.find import digest_of, find_suite
from hanse.flows.suites.folder import ITEMS, MANIFEST
from hanse.model.actor import ANONYMOUS
from hanse.model.repo import RepoType, parse_repo_id

DATASETS = "datasets/"
MAX_ITEMS_BYTES = 32 * 1024 * 1024
"""Of a suite that a node reads for somebody else."""


def suite_of_job(node: Node, name: str) -> tuple[str, Suite]:
    """Return the suite that is named, and the name that a job keeps of it.

    Raises NotFoundError for a suite, repository or revision that there is not for everybody, likewise for a folder, BadFormat
    or TooLarge for a revision that is no suite, Held for one whose files the scanner keeps from strangers.
    """
    if name.startswith(DATASETS):
        return _of_dataset(node, name)
    if "/" in name or name in {"", ".", ".."}:
        raise NotFoundError(
            f"{name[:100]!r} would be a folder: a node runs a suite that ships, or one that was published",
            hint="hf upload NAMESPACE/NAME FOLDER --repo-type dataset, then --suite datasets/NAMESPACE/NAME@main",
        )
    digest_of(name)
    return name, find_suite(name)


def _of_dataset(node: Node, name: str) -> tuple[str, Suite]:
    path, _, rev = name.removeprefix(DATASETS).partition("@")
    try:
        repo = access.find_named(node, ANONYMOUS, parse_repo_id(node.origin, RepoType.DATASET, path))
    except RepoNotFound as error:
        raise RepoNotFound(
            f"there is no public dataset {path[:200]} here", hint="a suite is queued from a public dataset of this node"
        ) from error
    revision = access.resolve_revision(node, repo, rev or "main")
    manifest, items = (_read(node, repo, revision, *one) for one in ((MANIFEST, MAX_MANIFEST_BYTES), (ITEMS, MAX_ITEMS_BYTES)))
    return f"{DATASETS}{repo.repo.path}@{revision.rev}", parse_suite(manifest, items)


def _read(node: Node, repo: Repo, revision: Revision, file: str, most: int) -> bytes:
    entry = node.listings.get(node.store, revision.object).directory.file(file)
    if entry is None:
        raise EntryNotFound(f"{repo.repo.path} at {revision.rev[:12]} is no suite: it has no {file}", rev=revision.rev)
    if entry.size > most:
        raise TooLarge(f"{file} of a suite has at most {most:,} bytes, {repo.repo.path} has one of {entry.size:,}")
    require_file(node, ANONYMOUS, repo, entry)
    data = read_small(node, entry, most)
    if data is None:
        raise EntryNotFound(f"the bytes of {file} in {repo.repo.path} are not here", rev=revision.rev)
    return data
