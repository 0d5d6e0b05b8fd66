"""The large files of a repository, whatever revision names them, and their copies in other repositories (hub-api.md A.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hanse.db import blobs, lfs, revisions
from hanse.db.blobs import FileRow
from hanse.db.lfs import Held
from hanse.db.repos import Repo
from hanse.flows import access
from hanse.flows.admission import withheld_contents
from hanse.flows.lfs import link_present, require_upload
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import RefName

MAX_HISTORY = 500
"""Revisions looked into for the names of files that no ref names any more."""


@dataclass(frozen=True, slots=True)
class LargeFile:
    """A large file; name and ref: one of those it has, empty and None if no revision looked into names it."""

    held: Held
    name: str
    ref: RefName | None


@dataclass(frozen=True, slots=True)
class Copy:
    """A file to be copied into another repository."""

    sha256: Sha256
    xet: XetHash


def list_large_files(node: Node, actor: Actor, repo: Repo, *, after: int, limit: int) -> list[LargeFile]:
    """Return large files of a repository in the order in which they came, from the one after file id `after` on.

    Raises NotAllowed for a caller who may not write.
    """
    access.require_write(actor, repo)
    names = _names_at_heads(node, repo)
    with node.db.read() as conn:
        held = lfs.held_files(conn, repo.id, after=after, limit=limit)
    missing = {one.sha256 for one in held} - names.keys()
    if missing:
        names |= _names_in_history(node, repo, missing)
    return [LargeFile(one, *names.get(one.sha256, ("", None))) for one in held]


def _names_at_heads(node: Node, repo: Repo) -> dict[Sha256, tuple[str, RefName | None]]:
    names: dict[Sha256, tuple[str, RefName | None]] = {}
    with node.db.read() as conn:
        refs = revisions.all_refs(conn, repo.id)
        heads = {row.rev: revisions.get(conn, repo.id, row.rev) for row in refs}
    for row in sorted(refs, key=lambda row: (row.ref != "refs/heads/main", row.ref)):
        head = heads.pop(row.rev, None)
        if head is not None:
            for entry in node.listings.get(node.store, head.object).directory.entries():
                if entry.lfs:
                    names.setdefault(entry.sha256, (entry.path, row.ref))
    return names


def _names_in_history(node: Node, repo: Repo, digests: set[Sha256]) -> dict[Sha256, tuple[str, RefName | None]]:
    names: dict[Sha256, tuple[str, RefName | None]] = {}
    with node.db.read() as conn:
        older = revisions.all_of(conn, repo.id, ["live", "retired"])[::-1][:MAX_HISTORY]
    for revision in older:
        if not digests - names.keys():
            break
        for entry in node.listings.get(node.store, revision.object).directory.entries():
            if entry.sha256 in digests:
                names.setdefault(entry.sha256, (entry.path, None))
    return names


def copy_files(node: Node, actor: Actor, source: Repo, target: Repo, copies: Sequence[Copy]) -> list[tuple[Sha256, str]]:
    """Let the target repository name files of the source, and return those that could not be, with the reason.

    Raises NotAllowed, GatedRepo or Disabled unless the caller may read the source's files and upload for the target;
    QuotaExceeded, and then nothing is copied.
    """
    access.require_read_bytes(node, actor, source)
    require_upload(node, actor, target)
    with node.db.read() as conn:
        found = blobs.find_by_xet(conn, source.id, [one.xet for one in copies])
        states = blobs.file_states(conn, source.id, [row.id for row in found.values()])
    mine = actor.may_write(source.people)
    withheld = withheld_contents(node, actor, source, list(found.values()))
    good: list[FileRow] = []
    failed: list[tuple[Sha256, str]] = []
    for one in copies:
        row = found.get(one.xet)
        if row is None or row.sha256 != one.sha256 or not (mine or states.get(row.id) == "live"):
            failed.append((one.sha256, "no such file in the source repository"))
        elif row.sha256 in withheld:
            failed.append((one.sha256, str(withheld[row.sha256])))
        else:
            good.append(row)
    if good:
        with node.db.write() as conn:
            link_present(node, conn, actor, target, good)
    return failed
