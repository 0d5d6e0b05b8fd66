"""How each file of an upload is to be sent, and which are ignored or there already (hub-api.md A.5, step 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hanse.content.directory import Directory
from hanse.content.patterns import IgnoreRules, LfsRules, is_text
from hanse.db.repos import Repo
from hanse.flows import access
from hanse.flows.commits import Target
from hanse.flows.index import read_small
from hanse.flows.node import Node
from hanse.model.digest import GitOid, Sha256
from hanse.model.entry import Entry

MAX_RULES_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that a client wants to upload: path, size in bytes, and its first bytes."""

    path: str
    size: int
    sample: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """How to send one file: as LFS (or Xet) or inside the commit; `oid`: of the file at that path now."""

    path: str
    lfs: bool
    ignore: bool
    oid: GitOid | Sha256 | None


def plan(node: Node, repo: Repo, target: Target, offered: Sequence[Offered], ignore: str | None) -> tuple[list[Plan], GitOid]:
    """Return how to send each file, and the commit that this was decided on.

    ignore: the client's own `.gitignore` text, in place of the repository's. Raises RevisionNotFound.
    """
    revision = access.resolve_revision(node, repo, target.start or target.ref)
    directory = node.listings.get(node.store, revision.object).directory
    lfs = _lfs_rules(_text(node, directory, ".gitattributes"))
    ignored = IgnoreRules(_text(node, directory, ".gitignore") if ignore is None else ignore)
    threshold = node.limits.lfs_threshold_bytes
    found = [
        Plan(
            path=one.path,
            lfs=_is_lfs(one, lfs.lfs(one.path), threshold),
            ignore=ignored.ignores(one.path),
            oid=_oid(directory.file(one.path)),
        )
        for one in offered
    ]
    return found, revision.rev


def _is_lfs(offered: Offered, said: bool | None, threshold: int) -> bool:
    """Decide: empty files never, large ones always; else what .gitattributes says, else whatever is not text."""
    if offered.size == 0:
        return False
    if offered.size > threshold:
        return True
    return not is_text(offered.sample) if said is None else said


def _oid(entry: Entry | None) -> GitOid | Sha256 | None:
    """Return the digest that clients compare with their own file's, to leave out what did not change."""
    if entry is None:
        return None
    return entry.sha256 if entry.lfs else entry.git_oid


def _text(node: Node, directory: Directory, path: str) -> str:
    data = read_small(node, directory.file(path), MAX_RULES_FILE)
    return "" if data is None else data.decode("utf-8", "replace")


@lru_cache(maxsize=32)
def _lfs_rules(text: str) -> LfsRules:
    return LfsRules(text)
