"""Part of step 4 of `hanse.flows.fsck`: statements in the catalogue against bundles, keys and leaves."""

from __future__ import annotations

from hanse.db import attestations, leaves, logkeys, repos
from hanse.db.attestations import Attestation
from hanse.errors import BadProof, BadSignature, DigestMismatch
from hanse.flows import bundles
from hanse.flows.fsck_checker import Checker
from hanse.model.conceal import conceal_value
from hanse.model.leaf import parse_leaf
from hanse.model.publickey import PublicKey
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import parse_bundle_json, verify_bundle

_PAGE = 500


def check_attestations(checker: Checker) -> None:
    """Check every statement of the catalogue."""
    with checker.node.db.read() as conn:
        known = {key.key: PublicKey.from_text(key.spki) for key in logkeys.every(conn)}
    after = 0
    while True:
        with checker.node.db.read() as conn:
            page = attestations.all_rows(conn, after, _PAGE)
        for number, row in page:
            checker.count("attestation")
            name = f"statement {number} about {row.rev}"
            checker.guard("revision", name, lambda row=row: _check(checker, row, known.get(row.key)))  # type: ignore[misc]
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _check(checker: Checker, row: Attestation, key: PublicKey | None) -> None:
    if key is None:
        raise BadSignature(f"the log does not name the key {row.key}")
    found = verify_bundle(parse_bundle_json(bundles.read(checker.node.store, row.payload, row.key)), key)
    if found.signature != row.sig or found.statement.predicate_type != row.predicate or len(found.payload) != row.size:
        raise DigestMismatch(f"the bundle of {row.payload} is not the one that was entered")
    with checker.node.db.read() as conn:
        pending, repo = leaves.get(conn, row.leaf_id), repos.get(conn, row.repo_id)
    leaf = None if pending is None else parse_leaf(pending.leaf)
    if not isinstance(leaf, AttestLeaf) or repo is None or (row.current and leaf.concealed != (repo.salt is not None)):
        raise BadProof(f"leaf row {row.leaf_id} does not log this statement")
    digest = row.payload if not leaf.concealed or repo.salt is None else conceal_value(repo.salt, "payload", row.payload)
    if leaf.payload.sha256 != digest and (row.current or not leaf.concealed):
        raise BadProof(f"leaf row {row.leaf_id} logs another payload")
