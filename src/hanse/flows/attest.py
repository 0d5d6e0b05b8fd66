"""Signing what has settled: the node's own word about the files of a revision, made when a tag or a rested branch names it.

1. The next settled head about which this node's key has not spoken.
2. What is worth a second look in it is noted (`hanse.flows.lint`); that blocks nothing.
3. Its manifest is made from what is known of its files since they arrived: no byte is read.
4. It is signed, and the bundle stored.
5. One transaction: the repository is still called and visible as in the manifest, the bundle is there; the row is entered and
   the `attest` leaf queued, concealed where the repository is not public.

A crash between 4 and 5 leaves a bundle that the next round takes up (or collection removes). Several processes may do this at
once: the first one enters the row, and the others find it.
"""

from __future__ import annotations

import base64
import logging

from sqlalchemy import Connection

from hanse.db import attestations, leaves, logged, repos, revisions
from hanse.db.attestations import START, Attestation, Place
from hanse.db.repos import Repo
from hanse.db.repository_scans import Head
from hanse.db.revisions import Revision
from hanse.errors import Busy, HanseError
from hanse.flows import bundles, chains, effects, keyleaves, lint
from hanse.flows.node import Node
from hanse.model.conceal import conceal
from hanse.model.digest import GitOid
from hanse.model.key_leaf import KeyUse
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.leaf_fields import Payload
from hanse.model.repo import RefName
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import Bundle
from hanse.sign.oms import manifest_statement
from hanse.sign.statement import OMS
from hanse.store.keys import attestation_key

_POSITIONS = 200
_log = logging.getLogger(__name__)


def attest_next(node: Node, rest: int, after: Place = START) -> Place | None:
    """Attest the next settled head behind `after` (branches: unmoved for `rest` seconds) and return its place."""
    key = node.keys.attest.public.fingerprint
    # 1. The next settled head.
    with node.db.read() as conn:
        head = attestations.unattested(conn, node.origin, OMS, key, before=node.clock.now() - rest, after=after)
    if head is None:
        return None
    try:
        attest_head(node, head)
    except HanseError as error:
        _log.warning("attest: %s of repository %d: %s", head.rev, head.repo_id, error.message)
    return head.repo_id, head.ref


def attest_head(node: Node, head: Head) -> int | None:
    """Sign the manifest of a head and queue its leaf, whose row id is returned; None if there is nothing (any more) to sign."""
    found = settled(node, head)
    if found is None:
        return None
    repo, revision = found
    # 2. Notices.
    lint.note(node, repo, head.ref, revision, _settled_before(node, head))
    # 3. The manifest.
    listing = node.listings.get(node.store, revision.object)
    if not listing.directory.count:
        return None  # a manifest lists at least one file
    statement = manifest_statement(repo.repo.name, listing.directory.entries(), repo.repo, revision.rev, revision.tree)
    # 4. The bundle.
    bundle = bundles.sign(node.store, statement, node.keys.attest)
    # 5. Row and leaf.
    return enter(node, repo, revision, bundle, OMS)


def settled(node: Node, head: Head) -> tuple[Repo, Revision] | None:
    """Return the repository and the revision of a head; None if one is gone."""
    with node.db.read() as conn:
        repo, revision = repos.get(conn, head.repo_id), revisions.get(conn, head.repo_id, head.rev)
    if repo is None or revision is None or repo.state != "live" or revision.state != "live":
        return None
    return repo, revision


def _settled_before(node: Node, head: Head) -> GitOid | None:
    """Return the revision that was settled before this one on the same ref, as far as its chain tells."""
    with node.db.read() as conn:
        former = [rev for _, rev in logged.positions(conn, head.repo_id, head.ref, _POSITIONS) if rev != head.rev]
        known = attestations.revs_attested(conn, head.repo_id, OMS, former)
    return next((rev for rev in former if rev in known), None)


def enter(
    node: Node,
    repo: Repo,
    revision: Revision,
    bundle: Bundle,
    predicate: str,
    *,
    basis: str = "",
    position: tuple[RefName, int] | None = None,
) -> int | None:
    """Enter a stored bundle about a revision of `repo`, and queue its leaf, whose row id is returned.

    position: the ref and seq that an owner signs. None if it is entered already, or the repository or the revision is no longer
    what the bundle says. Raises RepoNotFound, or Busy if the repository does not come to rest or the
    bundle was just collected; what `require_current` raises for a replaced key of the node.
    """
    now = node.clock.now()
    data = _leaf(repo, revision, bundle, predicate, position=position, now=now)

    def change(conn: Connection, locked: Repo) -> int | None:
        if locked.repo != repo.repo or locked.salt != repo.salt:
            return None
        if bundle.key == node.keys.attest.public:
            keyleaves.require_current(node, conn, KeyUse.ATTEST)
        there = revisions.get(conn, locked.id, revision.rev)
        known = attestations.get(conn, locked.id, revision.rev, bundle.digest, bundle.key.fingerprint)
        if there is None or there.state not in ("live", "retired") or (known is not None and known.current):
            return None
        row: dict[str, object] = {"repo_id": locked.id, "kind": "attest", "leaf": data, "leaf_hash": leaf_id(data)}
        queued = leaves.append(conn, row | {"effect": effects.NONE, "created_at": now})
        attestations.put(conn, _row(locked.id, revision, bundle, predicate, basis=basis, queued=queued, now=now))
        # Collection deletes only what no row names, and excludes writers meanwhile: what is here now stays.
        if node.store.size(attestation_key(bundle.digest, bundle.key.fingerprint)) is None:
            raise Busy("the bundle was collected while it was entered", hint="send it again")
        return queued

    return chains.change_repo(node, repo, change)


def _leaf(
    repo: Repo, revision: Revision, bundle: Bundle, predicate: str, *, position: tuple[RefName, int] | None, now: int
) -> bytes:
    """Return the bytes of the `attest` leaf of a bundle, concealed if the repository is not public."""
    leaf = AttestLeaf(
        time=now,
        origin=repo.repo.origin,
        type=repo.repo.type,
        repo=repo.repo.folded,
        rev=revision.rev,
        tree=revision.tree,
        predicate=predicate,
        payload=Payload(bundle.digest, len(bundle.payload)),
        key=bundle.key.fingerprint,
        sig=base64.b64encode(bundle.signature).decode(),
        ref=None if position is None else position[0],
        seq=None if position is None else position[1],
    )
    return encode_leaf(leaf if repo.salt is None else conceal(leaf, repo.salt))


def _row(repo: int, revision: Revision, bundle: Bundle, predicate: str, *, basis: str, queued: int, now: int) -> Attestation:
    return Attestation(
        repo_id=repo,
        rev=revision.rev,
        tree=revision.tree,
        predicate=predicate,
        payload=bundle.digest,
        size=len(bundle.payload),
        key=bundle.key.fingerprint,
        sig=bundle.signature,
        basis=basis,
        leaf_id=queued,
        created_at=now,
    )
