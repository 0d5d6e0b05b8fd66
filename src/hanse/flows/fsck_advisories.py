"""Part of step 4 of `hanse.flows.fsck`: statements of advisories against the leaves that list them, and their keys.

A statement of this node that a leaf lists has to be here, for readers judge this node's advisories by it. One of another member
is fetched again where it is missing; a kept one that is not what the leaf in the copy of his log lists is told.
"""

from __future__ import annotations

import base64

from hanse.db import foreign, logkeys, witnesses
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadProof, BadSignature, DigestMismatch
from hanse.flows import bundles
from hanse.flows.advisories.book import leaves_of
from hanse.flows.advisories.issue import own_leaves
from hanse.flows.foreign import statements
from hanse.flows.foreign.copies import Copy
from hanse.flows.fsck_checker import Checker
from hanse.flows.shown_advisories import read_shown
from hanse.model.publickey import PublicKey
from hanse.model.trust_leaf import AdvisoryLeaf
from hanse.sign.bundle import parse_bundle_json, verify_bundle
from hanse.sign.statement import ADVISORY


def check_advisories(checker: Checker) -> None:
    """Check the statements of this node's advisories, those taken back too, and the kept ones of others."""
    node = checker.node
    with node.db.read() as conn:
        known = {key.key: PublicKey.from_text(key.spki) for key in logkeys.every(conn)}
        own = own_leaves(conn)
        logs = [log for log in witnesses.every(conn) if log.mirrored and log.origin != node.origin]
    for index, leaf in own:
        checker.count("advisory")
        name = f"{leaf.id}, leaf {'queued' if index is None else index}"
        checker.guard("advisory", name, lambda leaf=leaf: _own(checker, leaf, known.get(leaf.key)))  # type: ignore[misc]
    for log in logs:
        checker.guard("advisory", log.origin, lambda log=log: _kept(checker, log))  # type: ignore[misc]


def _own(checker: Checker, leaf: AdvisoryLeaf, key: PublicKey | None) -> None:
    if key is None:
        raise BadSignature(f"the log does not name the key {leaf.key}")
    bundle = parse_bundle_json(bundles.read(checker.node.store, leaf.payload.sha256, leaf.key))
    found = verify_bundle(bundle, key)
    listed = (leaf.payload.sha256, leaf.payload.size, base64.b64decode(leaf.sig))
    if (found.digest, len(found.payload), found.signature) != listed:
        raise DigestMismatch(f"the bundle of {leaf.payload.sha256} is not the one that the leaf lists")
    if found.statement.predicate_type != ADVISORY:
        raise BadProof(f"the statement is no advisory but {found.statement.predicate_type[:120]}")
    read_shown(leaf.id, found.payload)


def _kept(checker: Checker, log: WitnessedLog) -> None:
    node = checker.node
    copy = Copy(node.db, node.store, log)
    for index, leaf in leaves_of(node, log):
        with node.db.read() as conn:
            data = foreign.bundle(conn, log.origin, index)
        if data is not None:
            checker.count("advisory")
            name = f"{leaf.id}, leaf {index} of {log.origin}"
            checker.guard("advisory", name, lambda at=index, leaf=leaf, data=data: _other(copy, at, leaf, data))  # type: ignore[misc]


def _other(copy: Copy, index: int, leaf: AdvisoryLeaf, data: bytes) -> None:
    read_shown(leaf.id, parse_bundle_json(statements.verified(copy, index, leaf, statements.unpacked(data))).envelope.payload)
