"""Putting an evaluation into a node's log: a statement about a revision that the node has, signed with its key.

1. The record is about exactly the files of the revision.
2. Its statement, with the revision's commit id beside the tree, is signed with the node's key for statements and stored.
3. Row and leaf are entered like those of the node's own statements. Item table and transcript stay where they are: the log has
   their roots.
"""

from __future__ import annotations

from pathlib import Path

from hanse.db import attestations, leaves
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import Conflict
from hanse.evals.countersignature import COUNTERSIGNATURE
from hanse.evals.record import EVALUATION
from hanse.evals.runcard import RUN_CARD
from hanse.flows import bundles
from hanse.flows.attest import enter
from hanse.flows.evaluate import countersign, runcard
from hanse.flows.evaluate.attested import check_kept
from hanse.flows.evaluate.reproduce import check_if_ours
from hanse.flows.evaluate.runfolder import RECORD, Read, read_run
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
            hint=f"hanse evaluate {repo.repo.path}@{revision.rev} runs exactly its files; a folder that was uploaded lacks what "
            "the node added to them, such as .gitattributes",
        )
    _require_own(node, record.evaluator)
    # 2. Signed.
    subject = revision_subject(repo.repo, revision.rev, revision.tree)
    bundle = bundles.sign(node.store, Statement((subject,), EVALUATION, record.predicate()), node.keys.attest)
    # 3. Logged.
    enter(node, repo, revision, bundle, EVALUATION)
    return bundle


def publish_countersignature(node: Node, repo: Repo, revision: Revision, folder: Path) -> Bundle:
    """Log the countersignature in a folder, as this node's word; returns the bundle.

    Raises Conflict if it is by another institution, or about a record of other files.
    """
    one, _, statement = countersign.read(folder)
    _require_own(node, one.evaluator)
    if not statement.about("sha256", revision.tree):
        raise Conflict(f"the countersignature is about a record of other files than those of {revision.rev}")
    found = countersign.statement_of(one, revision_subject(repo.repo, revision.rev, revision.tree))
    bundle = bundles.sign(node.store, found, node.keys.attest)
    enter(node, repo, revision, bundle, COUNTERSIGNATURE)
    return bundle


def publish_commitment(node: Node, repo: Repo, revision: Revision, read: Read, folder: Path) -> Bundle:
    """Log a commitment to a record that is not shown yet, as this node's word; what opens it stays in the folder."""
    record = read.record
    _require_own(node, record.evaluator)
    if record.model != revision.tree:
        raise Conflict(f"the record is about files with the tree {record.model}, the revision has {revision.tree}")
    subject = revision_subject(repo.repo, revision.rev, revision.tree)
    made = countersign.commitment_statement(countersign.commit_to(folder, record), subject, record.evaluator, record.suite)
    bundle = bundles.sign(node.store, made, node.keys.attest)
    enter(node, repo, revision, bundle, countersign.COMMITMENT)
    return bundle


def publish_card(node: Node, repo: Repo, revision: Revision, folder: Path) -> Bundle:
    """Log the run card in a folder, as this node's word; raises Conflict if it is of other files, or by another institution."""
    card, _ = runcard.read_card(folder)
    _require_own(node, card.evaluator)
    if card.model != revision.tree:
        raise Conflict(f"the run card is of files with the tree {card.model}, the revision has {revision.tree}")
    subject = revision_subject(repo.repo, revision.rev, revision.tree)
    bundle = bundles.sign(node.store, Statement((subject,), RUN_CARD, card.predicate()), node.keys.attest)
    enter(node, repo, revision, bundle, RUN_CARD)
    return bundle


def publish_folder(node: Node, repo: Repo, revision: Revision, folder: Path, *, commitment: bool = False) -> list[Bundle]:
    """Log what a folder holds: a record, checked with its scores, and its run card; a countersignature; or only a commitment."""
    if commitment:
        return [publish_commitment(node, repo, revision, read_run(folder, answers=False), folder)]
    found = []
    if (folder / RECORD).exists() or not (folder / countersign.SAID).exists():
        read = read_run(folder)
        check_if_ours(read)
        check_kept(folder, read.record)
        found.append(publish(node, repo, revision, read))
        if (folder / runcard.CARD).exists():
            found.append(publish_card(node, repo, revision, folder))
    if (folder / countersign.SAID).exists():
        found.append(publish_countersignature(node, repo, revision, folder))
    return found


def _require_own(node: Node, evaluator: str) -> None:
    if evaluator != node.origin:
        raise Conflict(f"the record is {evaluator}'s, this node is {node.origin}", hint="evaluate with --as its origin")


def position(node: Node, repo: Repo, revision: Revision, bundle: Bundle) -> int | None:
    """Return the index of the record's leaf, None while it waits to be sequenced."""
    with node.db.read() as conn:
        known = attestations.get(conn, repo.id, revision.rev, bundle.digest, bundle.key.fingerprint)
        row = None if known is None or known.leaf_id is None else leaves.get(conn, known.leaf_id)
    return None if row is None else row.index
