"""Which repositories, revisions and files a static site has: what the caller would get from the node, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from hanse.db import attestations, blobs, repos, revisions
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import HanseError
from hanse.flows import access, admission
from hanse.flows.node import Node
from hanse.flows.static.selection import LeftOut, Selection, Written
from hanse.model.digest import GitOid, XetHash
from hanse.model.repo import Origin, RefName, RepoId
from hanse.sign.statement import OMS


@dataclass(frozen=True, slots=True)
class Chosen:
    """A repository that is written.

    place: its origin where the plain name means another repository at this node, else None; refs: name -> revision; revs: the
    oldest first; whole: those of them that miss no file; files: of all revisions, each once.
    """

    repo: Repo
    place: Origin | None
    refs: dict[RefName, GitOid]
    revs: tuple[GitOid, ...]
    whole: frozenset[GitOid]
    files: dict[XetHash, FileRow]


def choose(node: Node, select: Selection, written: Written) -> Iterator[Chosen]:
    """Yield the chosen repositories in the order of their names; what is left out is noted, and why."""
    with node.db.read() as conn:
        found = repos.in_state(conn, "live")
    for repo in sorted(found, key=lambda one: (one.repo.type.value, one.repo.folded, one.repo.origin)):
        if not access.may_see(select.actor, repo) or not select.takes(repo):
            continue
        try:
            access.require_read_bytes(node, select.actor, repo)
        except HanseError as error:
            written.left_out.append(LeftOut(repo.repo, None, error.message))
            continue
        yield _of_repo(node, select, repo, written)


def _of_repo(node: Node, select: Selection, repo: Repo, written: Written) -> Chosen:
    """Return a repository's revisions that anything points at or that were signed."""
    with node.db.read() as conn:
        refs = {row.ref: row.rev for row in revisions.all_refs(conn, repo.id)}
        live = revisions.all_of(conn, repo.id, ("live",))
        signed = attestations.revs_attested(conn, repo.id, OMS, [one.rev for one in live])
    wanted = [one for one in live if one.rev in signed or one.rev in set(refs.values())]
    files, revs, whole = dict[XetHash, FileRow](), list[GitOid](), set[GitOid]()
    leave = partial(LeftOut, repo.repo)
    for revision in wanted:
        try:
            missing = _of_revision(node, select, repo, revision, files)
        except HanseError as error:  # recalled, or its record is damaged
            written.left_out.append(leave(revision.rev, error.message))
            continue
        revs.append(revision.rev)
        written.left_out += [leave(revision.rev, why) for why in missing]
        whole |= set() if missing else {revision.rev}
    there = {ref: rev for ref, rev in refs.items() if rev in set(revs)}
    return Chosen(repo, _place(node, select, repo.repo), there, tuple(revs), frozenset(whole), files)


def _of_revision(node: Node, select: Selection, repo: Repo, revision: Revision, files: dict[XetHash, FileRow]) -> list[str]:
    """Add a revision's files that the caller may have; return what is missing, as sentences. Raises RevisionNotFound."""
    listing = node.listings.get(node.store, revision.object)
    admission.require_revision(node, select.actor, repo, revision.rev, listing)
    entries = {entry.xet: entry for entry in listing.directory.entries() if entry.size}
    new = [xet for xet in entries if xet not in files]
    with node.db.read() as conn:
        rows = blobs.find_by_xet(conn, repo.id, new)
    held = admission.withheld_contents(node, select.actor, repo, list(rows.values()))
    files |= {xet: row for xet, row in rows.items() if row.sha256 not in held}
    missing = [entry for xet, entry in entries.items() if xet not in files]
    return [held[one.sha256].message if one.sha256 in held else f"{one.path[:200]!r} is not here" for one in missing[:20]]


def _place(node: Node, select: Selection, named: RepoId) -> Origin | None:
    """Return the origin of a repository if the plain name does not mean it at this node."""
    plain = RepoId(node.origin, named.type, named.namespace, named.name)
    try:
        found = access.find_named(node, select.actor, plain).repo
    except HanseError:
        return named.origin
    same = (found.origin, found.type, found.folded) == (named.origin, named.type, named.folded)
    return None if same else named.origin
