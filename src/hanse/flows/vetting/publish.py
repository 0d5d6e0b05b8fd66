"""Records of tools in a node's log: statements about the revision that holds the labels, and the catalogue that they make.

1. The record is about exactly the items that `labels.tsv` of the revision names. The files themselves need not be there, since no
   node takes in a corpus of malware; where it has no digests, those of the revision's files count.
2. Its statement is signed with the node's key for statements and stored.
3. Row and leaf are entered like those of the node's own statements. The table stays where it is: the record has its digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hanse.db import attestations
from hanse.db.attestations import Attestation
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadFormat, Conflict
from hanse.evals.toolrecord import TOOL_EVALUATION, Item, Outcome, Table, parse_said
from hanse.flows import bundles
from hanse.flows.attest import enter
from hanse.flows.index import read_small
from hanse.flows.node import Node
from hanse.flows.vetting.corpus import LABELS, MAX_LABELS_BYTES, parse_labels
from hanse.flows.vetting.vet import Vetted
from hanse.sign.bundle import Bundle, parse_bundle_json
from hanse.sign.statement import Statement, parse_statement, revision_subject

MAX_LISTED = 1_000
_PAGE = 1_000


def publish(node: Node, repo: Repo, revision: Revision, vetted: Vetted) -> Bundle:
    """Log a record that was checked against its table, as this node's word; returns the bundle.

    Raises Conflict if it is about other items than the revision's, or by another institution; StorageError.
    """
    # 1. About this revision.
    corpus = _corpus(node, revision)
    if vetted.table.corpus != corpus:
        raise Conflict(
            f"the record is about items with the digest {vetted.table.corpus}, {LABELS} of the revision names {corpus}",
            hint=f"publish the {LABELS} of the corpus, with the column sha256 filled",
        )
    if vetted.predicate["evaluator"] != node.origin:
        raise Conflict(f"the record is {vetted.predicate['evaluator']}'s, this node is {node.origin}", hint="use --as its origin")
    # 2. Signed.
    subject = revision_subject(repo.repo, revision.rev, revision.tree)
    bundle = bundles.sign(node.store, Statement((subject,), TOOL_EVALUATION, vetted.predicate), node.keys.attest)
    # 3. Logged.
    enter(node, repo, revision, bundle, TOOL_EVALUATION)
    return bundle


def _corpus(node: Node, revision: Revision) -> str:
    """Return the digest of the corpus whose labels a revision holds; raises Conflict or BadFormat."""
    directory = node.listings.get(node.store, revision.object).directory
    data = read_small(node, directory.file(LABELS), MAX_LABELS_BYTES)
    if data is None:
        raise Conflict(f"the revision has no {LABELS} of at most {MAX_LABELS_BYTES:,} bytes")
    rows = []
    for path, label, digest in parse_labels(data):
        entry = None if digest else directory.file(path)
        if not digest and entry is None:
            raise Conflict(f"{LABELS} of the revision has no SHA-256 of {path}, and the file is not there")
        rows.append((Item(path, digest or str(entry.sha256 if entry else ""), label), Outcome.UNDECIDED))
    return Table.of(rows).corpus


@dataclass(frozen=True, slots=True)
class Listed:
    """A record of a tool in this node's catalogue, as it was signed. rev: of the labels; key: fingerprint of the signer."""

    rev: str
    key: str
    predicate: dict[str, Any]


def catalogue(node: Node) -> list[Listed]:
    """Return the vetted tools that this node's statements are about, oldest first, at most MAX_LISTED."""
    found = []
    for row in _rows(node):
        payload = parse_bundle_json(bundles.read(node.store, row.payload, row.key)).envelope.payload
        said = dict(parse_statement(payload).predicate)
        try:
            parse_said(said)
        except BadFormat:
            continue  # of another version
        found.append(Listed(row.rev, row.key, said))
        if len(found) == MAX_LISTED:
            break
    return found


def _rows(node: Node) -> Iterator[Attestation]:
    after = 0
    while True:
        with node.db.read() as conn:
            page = attestations.all_rows(conn, after, _PAGE)
        yield from (row for _, row in page if row.current and row.predicate == TOOL_EVALUATION)
        if len(page) < _PAGE:
            return
        after = page[-1][0]
