"""Reports: what the scanner found in a file, as the evidence that other institutions reproduce digest for digest."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from hanse.db import repository_scans, scans, waivers
from hanse.db.repos import Repo
from hanse.db.schema import files, repo_files
from hanse.db.schema import repos as repos_table
from hanse.db.waivers import Waiver
from hanse.errors import BlobNotFound, EntryNotFound, NotFoundError
from hanse.flows import access, browse
from hanse.flows.admission import judgement, require_file, require_whole, waived
from hanse.flows.node import Node
from hanse.flows.scans import load
from hanse.flows.settle import MAX_REPORT
from hanse.model.actor import Actor
from hanse.model.admission import decide, outcome_of
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid, Sha256
from hanse.scan.versions import SCANNER


@dataclass(frozen=True, slots=True)
class Report:
    """What is known about one content under one path.

    digest: SHA-256 of `evidence`, the judgement's canonical JSON; action: what this node does with the file; facts: canonical
    JSON of what the judgement rests on, if asked for; others: JSON of what other scanners said.
    """

    sha256: Sha256
    digest: Sha256
    action: str
    evidence: bytes
    waivers: Sequence[Waiver]
    others: str | None
    facts: bytes | None


def of_file(node: Node, actor: Actor, repo: Repo, rev: str, path: str, *, facts: bool) -> Report:
    """Return the report on a file of a revision, to whoever gets the file or writes to the repository.

    Raises GatedRepo, Disabled, Held, RevisionNotFound or EntryNotFound; NotFoundError if this node does not scan.
    """
    access.require_read_bytes(node, actor, repo)
    revision, listing = browse.open_revision(node, actor, repo, rev)
    entry = listing.directory.file(path)
    if entry is None:
        raise EntryNotFound("Entry not found", rev=revision.rev, hint=f"{path[:300]!r} does not exist on {rev[:40]!r}")
    _require_scanning(node)
    if not actor.is_writer(repo.people):
        require_file(node, actor, repo, entry)
    with node.db.read() as conn:
        given = waivers.of_contents(conn, repo.id, [entry.sha256], node.clock.now())
    return _report(node, entry.sha256, entry.path, given, facts=facts)


@dataclass(frozen=True, slots=True)
class RepositoryReport:
    """What is known about all files of a revision together.

    digest: SHA-256 of `evidence`, the judgement's canonical JSON; both None for a revision that was not judged as a whole (yet).
    """

    rev: GitOid
    digest: Sha256 | None = None
    evidence: bytes | None = None


def of_repository(node: Node, actor: Actor, repo: Repo, rev: str) -> RepositoryReport:
    """Return the report on a revision as a whole, to whoever gets all its files or writes to the repository.

    Raises GatedRepo, Disabled, Held or RevisionNotFound; NotFoundError if this node does not scan.
    """
    access.require_read_bytes(node, actor, repo)
    revision, listing = browse.open_revision(node, actor, repo, rev)
    _require_scanning(node)
    require_whole(node, actor, repo, listing)
    evidence = whole_evidence(node, repo, revision.rev)
    if evidence is None:
        return RepositoryReport(revision.rev)
    return RepositoryReport(revision.rev, Sha256(hashlib.sha256(evidence).hexdigest()), evidence)


def whole_evidence(node: Node, repo: Repo, rev: GitOid) -> bytes | None:
    """Return the canonical JSON of the verdict on a revision as a whole, None if it was not judged by the present ruleset."""
    if node.scanning is None:
        return None
    with node.db.read() as conn:
        row = repository_scans.get(conn, repo.id, rev, node.scanning.rules.digest, SCANNER)
    return None if row is None else zlib.decompressobj().decompress(row.report, MAX_REPORT)


def of_content(node: Node, actor: Actor, digest: Sha256, path: str, *, facts: bool) -> Report:
    """Return the report on a content that the caller uploaded or that is in a repository he writes to.

    Raises BlobNotFound for any other, NotFoundError if this node does not scan.
    """
    _require_scanning(node)
    query = select(repo_files.c.account_id, repos_table.c.namespace, repos_table.c.mirrored)
    query = query.join(files, files.c.id == repo_files.c.file_id).join(repos_table, repos_table.c.id == repo_files.c.repo_id)
    with node.db.read() as conn:
        holders = conn.execute(query.where(files.c.sha256 == digest, ~files.c.erased)).all()
    if not any(row.account_id == actor.account_id or actor.is_writer("" if row.mirrored else row.namespace) for row in holders):
        raise BlobNotFound(
            f"{digest} was not uploaded by you", hint="ask for the report of a file: /api/models/NAME/scan/REV/PATH"
        )
    return _report(node, digest, path, [], facts=facts)


def _require_scanning(node: Node) -> None:
    if node.scanning is None:
        raise NotFoundError("this node does not scan files", hint="its operator may set `scan`")


def _report(node: Node, digest: Sha256, path: str, given: Sequence[Waiver], *, facts: bool) -> Report:
    assert node.scanning is not None
    judged = judgement(node, digest, path)
    evidence = canonical(judged.to_json())
    action = decide(outcome_of(judged), node.scanning.policy, waived(given)).value
    with node.db.read() as conn:
        row = scans.get(conn, [digest]).get(digest)
    kept = load(row) if row is not None and facts else None
    return Report(
        sha256=digest,
        digest=Sha256(hashlib.sha256(evidence).hexdigest()),
        action=action,
        evidence=evidence,
        waivers=given,
        others=row.others if row is not None else None,
        facts=None if kept is None else canonical(kept.to_json()),
    )
