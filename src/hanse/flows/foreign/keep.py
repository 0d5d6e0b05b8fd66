"""Keeping what another member's evidence file says about a repository that is held here, as far as its log is mirrored here.

The file is only a carrier. Each statement counts by the leaf in this node's own copy of the log, and by a key that is registered
there; each cosignature by the key of a cosigner that this node knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress

from hanse.db import sightings, witnesses
from hanse.db.repos import Repo
from hanse.errors import HanseError
from hanse.flows.foreign import statements
from hanse.flows.foreign.checkpoints import learn
from hanse.flows.foreign.copies import Copy
from hanse.flows.foreign.shown import MAX_SAID
from hanse.flows.node import Node
from hanse.flows.scan_times import payloads_at
from hanse.model.digest import Sha256, is_git_oid
from hanse.model.evidence import UnverifiedEvidence, parse_evidence
from hanse.sign.bundle import parse_bundle_json
from hanse.sign.statement import parse_statement


def keep_evidence(node: Node, repo: Repo, data: bytes) -> int:
    """Keep the statements about a repository that a file shows and that other members' logs list; return how many are new.

    `hanse.flows.evidence` shows them from then on. Raises BadFormat or TooLarge for what is no evidence file.
    """
    evidence = parse_evidence(data)
    for log in evidence.logs:
        learn(node, log.origin, log.checkpoint)
    payloads, revs = _payloads(evidence)
    place = (repo.repo.origin, repo.repo.type.value, repo.repo.folded)
    with node.db.read() as conn:
        logs = {log.origin: Copy(node.db, node.store, log) for log in witnesses.every(conn) if log.mirrored}
        rows = [row for rev in sorted(revs)[:MAX_SAID] for row in sightings.of_revision(conn, place, rev, MAX_SAID)]
    kept = 0
    for row in rows:
        copy = logs.get(row.log)
        leaf = copy.attest(row.index) if copy else None
        if copy is None or leaf is None or statements.find(node, repo, copy, row.index, leaf) is not None:
            continue
        with suppress(HanseError):
            payload = payloads.get(leaf.payload.sha256)
            if payload is not None:
                statements.keep(node, copy, row.index, statements.made(copy, row.index, leaf, payload))
                kept += 1
    return kept


def _payloads(evidence: UnverifiedEvidence) -> tuple[Mapping[Sha256, bytes], set[str]]:
    """Return what bundles sign, by digest, and the commit ids that they say they are about; nothing of it is verified.

    What a scan's other times make of it is there too.
    """
    found: dict[Sha256, bytes] = {}
    revs: set[str] = set()
    for data in evidence.bundles:
        with suppress(HanseError):
            payload = parse_bundle_json(data).envelope.payload
            found[Sha256(hashlib.sha256(payload).hexdigest())] = payload
            statement = parse_statement(payload)
            named = [one.digest.get("gitCommit") for one in statement.subjects] + [statement.predicate.get("rev")]
            revs |= {one for one in named if isinstance(one, str) and is_git_oid(one)}
    return found | payloads_at(found, evidence.times), revs
