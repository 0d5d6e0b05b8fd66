"""Everything that may leave, as files that need nobody: a static site with listings, digests and an index (docs/export.md).

1. What is chosen is written as a static site: xorbs once, evidence, names, the log, the federations.
2. A listing for each revision that was signed: what git says of it. The copies of other logs that this node mirrors.
3. `SHA256SUMS`, and `export.json` last of all. Until then it is no export.

Run again after it was killed, it goes on where it was; run again into a whole export, it writes what is new.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from hanse.db import attestations, repos, revisions
from hanse.db.repos import Repo
from hanse.errors import RepoNotFound
from hanse.flows.leaving.archive import ArchiveExport
from hanse.flows.leaving.folder import FolderExport
from hanse.flows.leaving.log_copies import write_copies
from hanse.flows.leaving.made_listing import make_listing
from hanse.flows.leaving.progress import Done
from hanse.flows.node import Node
from hanse.flows.static.bucket import is_bucket
from hanse.flows.static.selection import Selection, Written, WrittenRepo
from hanse.flows.static.sink import Sink
from hanse.flows.static.write import write_static
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import Sha256
from hanse.model.exportindex import ExportedRepo, ExportIndex, NotExported, encode_sums, is_named
from hanse.model.staticlayout import StaticPath, refs_path
from hanse.sign.statement import OMS

OPERATOR = Actor(admin=True)
"""Who reads what is not public: whoever may read the data folder."""
UNSIGNED = "nobody has signed it yet: the node does a minute or two after the last change, sooner if it is tagged"


class Target(Sink, Protocol):
    """Where an export goes: a sink that ends in an index."""

    @property
    def done(self) -> dict[StaticPath, Done]:
        """Every file that is there by now."""
        ...

    def finish(self, sums: bytes, index: bytes) -> None:
        """Write the digests and, last of all, the index; durable on return."""
        ...

    def close(self) -> None:
        """Keep what was written for the next try; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of it. files, bytes: written this time."""

    index: ExportIndex
    files: int
    bytes: int


def target_of(place: Path | str, *, private: bool) -> Target:
    """Return where to export to: a bucket (`s3://…`), an archive if it ends in `.tar`, else a folder; raises as these do."""
    if is_bucket(str(place)):
        from hanse.flows.leaving.bucket import BucketExport  # noqa: PLC0415 an extra

        return BucketExport(str(place), private=private)
    path = Path(place)
    return ArchiveExport(path, private=private) if path.suffix == ".tar" else FolderExport(path, private=private)


def export(node: Node, place: Path | str, wanted: tuple[str, ...] = (), *, public: bool = True) -> Exported:
    """Export the named repositories, all if none is named, to a folder, archive or bucket; return what came of it.

    wanted: `[datasets/][ORIGIN/]NAMESPACE/NAME`; public: what everybody may read; else what only some may, and nothing that
    everybody may. Raises RepoNotFound for a name that is not here, InputError, StorageError or StorageFull.
    """
    takes = _chooser(node, wanted, public=public)
    target = target_of(place, private=not public)
    try:
        return _export(node, target, takes, public=public)
    finally:
        target.close()


def _export(node: Node, target: Target, takes: Callable[[Repo], bool], *, public: bool) -> Exported:
    # 1.
    written = write_static(node, target, Selection(ANONYMOUS if public else OPERATOR, takes))
    # 2.
    left_out = [NotExported(one.repo, one.rev, one.why) for one in written.left_out]
    listed = [_listed(node, target, written, one, left_out) for one in written.repos]
    write_copies(node, target)
    # 3.
    target.settle()
    sums = encode_sums({path: one.sha256 for path, one in target.done.items()})
    index = ExportIndex(
        node.origin,
        node.clock.now(),
        public,
        len(target.done),
        sum(one.size for one in target.done.values()),
        Sha256(sha256(sums).hexdigest()),
        tuple(one for one in listed if one.revs),
        tuple(left_out),
    )
    target.finish(sums, index.encode())
    return Exported(index, written.files, written.bytes)


def _listed(node: Node, target: Target, written: Written, repo: WrittenRepo, left_out: list[NotExported]) -> ExportedRepo:
    """Write the listings of the revisions that were signed; return them. The others are noted as left out."""
    repo_id, revs = repo.repo, repo.revs
    apart = refs_path(repo_id.type, repo_id.folded, repo_id.origin) in written.paths
    made = ExportedRepo(repo_id, revs, apart)
    with node.db.read() as conn:
        found = repos.find(conn, repo_id)
        row = None if found is None else found[0]
        there = {} if row is None else {rev: revisions.get(conn, row.id, rev) for rev in revs}
        signed = set() if row is None else attestations.revs_attested(conn, row.id, OMS, revs)
    listed = []
    for rev, revision in there.items():
        if row is None or revision is None or rev not in signed or (repo_id, rev) not in written.signed:
            left_out.append(NotExported(repo_id, rev, UNSIGNED if revision is not None else "it was deleted meanwhile"))
            continue
        target.put(made.listing(rev), make_listing(node, row, revision))
        listed.append(rev)
    return ExportedRepo(repo_id, tuple(listed), apart)


def _chooser(node: Node, wanted: tuple[str, ...], *, public: bool) -> Callable[[Repo], bool]:
    """Return which repositories are exported; raises RepoNotFound for a name that none of them has."""
    with node.db.read() as conn:
        live = [one for one in repos.in_state(conn, "live") if (one.public if public else not one.public or one.gated)]
    chosen = {one.id for one in live} if not wanted else {one.id for name in wanted for one in _named(name, live)}
    return lambda repo: repo.id in chosen


def _named(name: str, live: list[Repo]) -> list[Repo]:
    """Return the repositories that a name means; raises RepoNotFound if there is none."""
    found = [one for one in live if is_named(one.repo, name)]
    if not found:
        says = f"no repository {name[:200]} is here that may be exported"
        raise RepoNotFound(
            says, hint="what is not public leaves only with --all and --non-public-to; names: hanse admin repo list"
        )
    return found
