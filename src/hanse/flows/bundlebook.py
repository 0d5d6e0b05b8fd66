"""All bundles of a store, and which of them a leaf logs: for rebuilding the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from hanse.db import attestations, revisions
from hanse.db.attestations import Attestation
from hanse.db.repos import Repo
from hanse.errors import HanseError
from hanse.flows.attest_scan import basis_of
from hanse.flows.mirror import observation
from hanse.model.conceal import conceal_value
from hanse.model.digest import GitOid, Sha256
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import parse_bundle_json
from hanse.sign.statement import OBSERVATION, SCAN, Statement, parse_statement
from hanse.store.base import BlobStore
from hanse.store.keys import ATTESTATIONS


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """What the catalogue needs to know of a bundle, which is not verified here.

    payload, key: digests, as it is named; size: bytes of the payload; revs: commit ids that it is about; basis: as in the
    catalogue's row.
    """

    payload: Sha256
    key: Sha256
    size: int
    sig: bytes
    revs: frozenset[str]
    basis: str


@dataclass
class BundleBook:
    """Every readable bundle. problems: what could not be read."""

    store: BlobStore
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._named: dict[tuple[str, str], StoredBundle] = {}
        self._about: dict[str, list[StoredBundle]] = {}
        self._opened: dict[tuple[int, bytes], dict[str, StoredBundle]] = {}
        for key in self.store.list(ATTESTATIONS):
            try:
                self._read(key, self.store.get(key))
            except HanseError as error:
                self.problems.append(f"{key}: {error.message}")

    def _read(self, name: str, data: bytes) -> None:
        _, _, payload, key = name.split("/")
        envelope = parse_bundle_json(data).envelope
        statement = parse_statement(envelope.payload)
        size, revs, basis = len(envelope.payload), _revs(statement), _basis(statement)
        found = StoredBundle(Sha256(payload), Sha256(key), size, envelope.signature, revs, basis)
        self._named[payload, key] = found
        for rev in found.revs:
            self._about.setdefault(rev, []).append(found)

    def logged_by(self, conn: Connection, leaf: AttestLeaf, repo: Repo) -> StoredBundle | None:
        """Return the bundle that a leaf about a repository (as it is called and visible there) logs; None if it is not here."""
        if not leaf.concealed or repo.salt is None:
            return self._named.get((leaf.payload.sha256, leaf.key))
        opened = self._opened.get((repo.id, repo.salt), {})
        if leaf.payload.sha256 not in opened:
            # Revisions are entered before what is said about them, so another look finds those that came since.
            opened = self._opened[repo.id, repo.salt] = self._open(conn, repo.id, repo.salt)
        return opened.get(leaf.payload.sha256)

    def _open(self, conn: Connection, repo: int, salt: bytes) -> dict[str, StoredBundle]:
        every = {row.rev for row in revisions.all_of(conn, repo)}
        found = {bundle.payload: bundle for rev in every for bundle in self._about.get(rev, [])}
        return {conceal_value(salt, "payload", digest): bundle for digest, bundle in found.items()}

    def enter(self, conn: Connection, leaf: AttestLeaf, repo: Repo, row: int) -> None:
        """Record the statement that a leaf (its row id among the queued ones) logs, if bundle and revision are still here."""
        bundle = self.logged_by(conn, leaf, repo)
        known = [] if bundle is None else [revisions.get(conn, repo.id, rev) for rev in sorted(bundle.revs)]
        revision = next((one for one in known if one is not None), None)
        if bundle is None or revision is None:
            return
        new = Attestation(
            repo_id=repo.id,
            rev=GitOid(revision.rev),
            tree=revision.tree,
            predicate=leaf.predicate,
            payload=bundle.payload,
            size=bundle.size,
            key=bundle.key,
            sig=bundle.sig,
            basis=bundle.basis,
            leaf_id=row,
            created_at=leaf.time,
        )
        attestations.put(conn, new)


def _revs(statement: Statement) -> frozenset[str]:
    said = statement.predicate.get("rev")
    named = {subject.digest["gitCommit"] for subject in statement.subjects if "gitCommit" in subject.digest}
    return frozenset(named | ({said} if isinstance(said, str) else set()))


def _basis(statement: Statement) -> str:
    said = statement.predicate
    if statement.predicate_type == OBSERVATION and type(said.get("seq")) is int:
        return observation.basis_of(str(said.get("ref")), said["seq"])
    scanner = said.get("scanner")
    if statement.predicate_type != SCAN or not isinstance(scanner, dict) or not isinstance(scanner.get("db"), dict):
        return ""
    return basis_of(str(scanner["db"].get("version", "")), str(scanner.get("version", "")))
