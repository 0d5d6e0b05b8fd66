"""Putting an evaluation into a node's log: a statement about a revision that the node has, signed with its key.

1. The record is about exactly the files of the revision.
2. Its statement, with the revision's commit id beside the tree, is signed with the node's key for statements and stored.
3. Row and leaf are entered like those of the node's own statements. Item table and transcript stay where they are: the log has
   their roots.
"""

from __future__ import annotations

from hanse.db import attestations, leaves
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import Conflict
from hanse.evals.record import EVALUATION
from hanse.flows import bundles
from hanse.flows.attest import enter
from hanse.flows.evaluate.runfolder import Read
from hanse.flows.node import Node
from hanse.sign.bundle import Bundle
from hanse.sign.statement import Statement, revision_subject


def publish(node: Node, repo: Repo, revision: Revision, read: Read) -> Bundle:
    """Log a record that was checked against its table, as this node's word; returns the bundle.

    Raises Conflict if it is about other files than the revision's, or by another institution; StorageError.
    """
    # 1. About this revision.
    record = read.record
    if record.model != revision.tree:
        raise Conflict(
            f"the record is about files with the tree {record.model}, the revision has {revision.tree}",
            hint="evaluate the revision that the node has",
        )
    if record.evaluator != node.origin:
        raise Conflict(f"the record is {record.evaluator}'s, this node is {node.origin}", hint="evaluate with --as its origin")
    # 2. Signed.
    subject = revision_subject(repo.repo, revision.rev, revision.tree)
    bundle = bundles.sign(node.store, Statement((subject,), EVALUATION, record.predicate()), node.keys.attest)
    # 3. Logged.
    enter(node, repo, revision, bundle, EVALUATION)
    return bundle


def position(node: Node, repo: Repo, revision: Revision, bundle: Bundle) -> int | None:
    """Return the index of the record's leaf, None while it waits to be sequenced."""
    with node.db.read() as conn:
        known = attestations.get(conn, repo.id, revision.rev, bundle.digest, bundle.key.fingerprint)
        row = None if known is None or known.leaf_id is None else leaves.get(conn, known.leaf_id)
    return None if row is None else row.index
