"""Taking an export in, on a machine that may have no network: every revision as a mirror of its origin.

1. The evidence of a revision is verified first, and what git says of its files is compared with it. A name of this node itself is
   refused: a member that moves takes its data folder along, not an export.
2. The files are pinned as they were signed, and taken in like those of any mirror: read from the export, checked, scanned.
3. The evidence is kept, so that this node shows what the publisher and others signed.
4. What branches and tags point at, as far as the evidence shows it, is observed; the node signs what it holds now.

What was taken in before is not read again; a killed import is run again. One refusal does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from hanse.db import mirrors, repos
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import Busy, HanseError, NotAllowed, RepoNotFound, StorageError, StorageFull
from hanse.flows.leaving.listing import MAX_LISTING_BYTES, Named, name_files
from hanse.flows.leaving.place import ExportPlace
from hanse.flows.leaving.sources import ExportSource, small
from hanse.flows.leaving.verify_export import read_index, verified
from hanse.flows.mirror import complete as completing
from hanse.flows.mirror.claims import RevisionClaim
from hanse.flows.mirror.journey import Options, take
from hanse.flows.mirror.large import mirror_folder
from hanse.flows.mirror.rows import address, open_mirror, pin
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.verify_folder import Verifying
from hanse.model.decision import NameKind, Rung
from hanse.model.digest import GitOid
from hanse.model.evidence import MAX_EVIDENCE_BYTES
from hanse.model.exportindex import ExportedRepo, is_named
from hanse.model.repo import RefName, RepoId, branch_ref, tag_ref
from hanse.model.staticlayout import MAX_REFS_BYTES, parse_refs
from hanse.store.parts import sole

Keep = Callable[[Node, Repo, bytes], object]
"""Keeps what a verified evidence file says about a repository."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A revision that was taken in.

    refs: the names that were observed to point at it; rung: what its evidence reached; address: where it is to be had here.
    """

    repo: RepoId
    rev: GitOid
    tree: str
    files: int
    bytes: int
    rung: Rung
    refs: tuple[RefName, ...]
    address: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A revision that was not taken in, and why."""

    repo: RepoId
    rev: GitOid
    error: HanseError


def import_export(
    node: Node,
    source: ExportSource,
    verifying: Verifying,
    wanted: Sequence[str] = (),
    *,
    keep: Keep = lambda _node, _repo, _data: None,
    options: Options | None = None,
) -> Iterator[Imported | Refused]:
    """Take in the revisions of an export (of the named repositories only, if any), and yield what came of each.

    wanted: `[datasets/][ORIGIN/]NAMESPACE/NAME`; keep: keeps verified evidence. Raises BlobNotFound, BadFormat or TooLarge for
    what is no export, RepoNotFound for a name that is not in it, NotAllowed for names of this node itself, Busy, StorageError.
    """
    chosen = _chosen(read_index(source).repos, wanted)
    own = [one.repo for one in chosen if one.repo.origin == node.origin]
    if own:
        raise NotAllowed(
            f"{own[0]} is a name of this node itself: a member comes back from its data folder, not from an export",
            hint="restore a backup as docs/operations.md says; what is here of other origins can be imported by name",
        )
    for one in chosen:
        refs = _refs(source, one)
        for rev in one.revs:
            try:
                names = [ref for ref, at in refs.items() if at == rev]
                yield _one(_Import(node, source, verifying, keep, options or Options()), one, rev, names)
            except (Busy, StorageError, StorageFull):
                raise
            except HanseError as error:
                yield Refused(one.repo, rev, error)


@dataclass(frozen=True, slots=True)
class _Import:
    node: Node
    source: ExportSource
    verifying: Verifying
    keep: Keep
    options: Options


def _one(job: _Import, repo: ExportedRepo, rev: GitOid, names: Sequence[RefName]) -> Imported:
    """Take in one revision (steps 1 to 4)."""
    # 1.
    node, found = job.node, verified(job.source, job.verifying, repo, rev)
    named = name_files(small(job.source, repo.listing(rev), MAX_LISTING_BYTES), rev, found.files)
    # 2.
    row, revision = _take(job, repo.repo, rev, named, private=found.facts.kind is NameKind.PRIVATE)
    # 3.
    job.keep(node, row, small(job.source, repo.evidence(rev), MAX_EVIDENCE_BYTES))
    # 4.
    shown = tuple(ref for ref in names if _shown(job, repo, rev, ref))
    for ref in shown:
        completing.observe(node, row, ref, revision)
    completing.attest(node, row, revision)
    size, rung = revision.bytes, found.decision.rung
    return Imported(repo.repo, rev, found.tree, len(found.files), size, rung, shown, address(node, row))


def _take(job: _Import, repo_id: RepoId, rev: GitOid, named: Named, *, private: bool) -> tuple[Repo, Revision]:
    node = job.node
    claim = RevisionClaim(repo_id, rev, named.pins, named.words, gated=named.gated, private=private)
    repo = open_mirror(node, repo_id, "", private=private)
    with node.db.write() as conn:
        mirrors.note(conn, repo.id, node.clock.now())
        if named.gated:
            repos.update_columns(conn, repo.id, gated="manual")
    with sole(mirror_folder(node) / f"{repo.id}.lock", f"mirroring {repo.repo.path}"):
        row = pin(node, repo, claim)
        return take(node, repo, row, [*job.options.places, ExportPlace(job.source)], job.options)


def _shown(job: _Import, repo: ExportedRepo, rev: GitOid, ref: RefName) -> bool:
    """Tell whether the evidence shows that a ref points at a revision; how old that is judges whoever asks this node."""
    first = replace(job.verifying, policy=load_policy("open", job.verifying.home))
    with suppress(HanseError):
        verified(job.source, first, repo, rev, ref)
        return True
    return False


def _refs(source: ExportSource, repo: ExportedRepo) -> Mapping[RefName, GitOid]:
    """Return the names of an exported repository's revisions: hints, which the evidence has to show."""
    with suppress(HanseError):
        told = parse_refs(small(source, repo.refs(), MAX_REFS_BYTES)).refs
        return {ref: rev for name, rev in told.items() if (ref := _ref(name)) is not None}
    return {}


def _ref(name: str) -> RefName | None:
    with suppress(HanseError):
        for head, parsed in (("refs/heads/", branch_ref), ("refs/tags/", tag_ref)):
            if name.startswith(head):
                return parsed(name.removeprefix(head))
    return None


def _chosen(there: Sequence[ExportedRepo], wanted: Sequence[str]) -> list[ExportedRepo]:
    if not wanted:
        return list(there)
    found = []
    for name in wanted:
        fitting = [one for one in there if is_named(one.repo, name)]
        if not fitting:
            raise RepoNotFound(f"the export has no repository {name[:200]}", hint="hanse verify EXPORT lists what it has")
        found += [one for one in fitting if one not in found]
    return found
