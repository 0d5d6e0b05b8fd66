"""The signed word of a mirror that it saw an upstream's branch or tag at a revision whose bytes it holds.

The `ref` leaf says the same to whoever replays the log, and is what agreement among observers rests on. The statement is what
can be shown beside the bytes: when the upstream was asked, and the digest of what it then said of every file, by which two
observers find out whether they were told the same.

1. The ref is there, and nothing was signed yet of that position of it.
2. The statement is signed and its bundle stored.
3. Its row is entered and its `attest` leaf queued, concealed where the repository is not public.

Only what the upstream itself said is said: not what a cache on this machine, an export or another member told.
"""

from __future__ import annotations

import hashlib

from hanse.db import attestations, logged, mirrors
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows import bundles
from hanse.flows.attest import enter
from hanse.flows.mirror.claims import unpack
from hanse.flows.node import Node
from hanse.model.repo import RefName
from hanse.sign.statement import OBSERVATION, UpstreamClaim, observation_statement

UPSTREAM = "upstream"


def basis_of(ref: str, seq: int) -> str:
    """Return what an observation rests on besides the files: SHA-256 of the ref's name, NUL, its position in the log."""
    return hashlib.sha256(f"{ref}\0{seq}".encode()).hexdigest()


def attest_observation(node: Node, repo: Repo, ref: RefName, revision: Revision) -> int | None:
    """Sign that the upstream's ref was seen at a complete revision, and return the leaf's index once it is applied.

    None if that was signed already, the ref is elsewhere by now, or the upstream never listed these files itself.
    """
    # 1. What was seen, and when the upstream was last asked.
    with node.db.read() as conn:
        seq = next((seq for name, seq in logged.refs_at(conn, repo.id, revision.rev) if name == ref), None)
        claimed, asked = mirrors.claimed(conn, repo.id, revision.rev), mirrors.get(conn, repo.id)
        said = attestations.of_revision(conn, repo.id, revision.rev)
    if seq is None or claimed is None or claimed.source != UPSTREAM or asked is None or not asked.url:
        return None
    basis, key = basis_of(ref, seq), node.keys.attest.public.fingerprint
    if any((row.predicate, row.basis, row.key) == (OBSERVATION, basis, key) for row in said):
        return None
    # 2. The statement.
    files = unpack(claimed.pins)
    claim = UpstreamClaim(len(files), sum(one.size for one in files), claimed.pinned)
    when = asked.seen_at or node.clock.now()
    statement = observation_statement(
        repo.repo, ref, revision.rev, revision.tree, observer=node.origin, seq=seq, claim=claim, time=when
    )
    bundle = bundles.sign(node.store, statement, node.keys.attest)
    # 3. Row and leaf.
    queued = enter(node, repo, revision, bundle, OBSERVATION, basis=basis)
    return None if queued is None else node.sequencer.wait(queued, node.limits.publish_timeout_seconds)
