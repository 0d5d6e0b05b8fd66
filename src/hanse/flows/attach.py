"""What the owner of a namespace signs on his own machine, attached to a revision after upload.

1. The caller may write to the repository; every bundle is signed by a key that answers for the namespace in the log and is held
   by its owner.
2. A manifest lists exactly the revision's files, and where it names a revision it is this one. A position (owner-held namespaces)
   is one that the ref has now, or had.
3. The bundles are stored and entered like the node's own statements; the answer waits until they are logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hanse.db import attestations, leaves, logged, logkeys
from hanse.db.logkeys import LogKey
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadFormat, BadSignature, Conflict, DigestMismatch, NotAllowed, TooLarge
from hanse.flows import access, bundles
from hanse.flows.attest import enter
from hanse.flows.node import Node
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.publickey import PublicKey
from hanse.model.ref_statement import ref_payload
from hanse.model.repo import RefName
from hanse.sign.bundle import Bundle, VerifiedStatement, parse_bundle_json, verify_bundle
from hanse.sign.oms import parse_manifest
from hanse.sign.statement import OMS, REF

MAX_BUNDLES = 20
_POSITIONS = 200


@dataclass(frozen=True, slots=True)
class Attached:
    """A statement that is logged now. index: of its leaf in the log."""

    predicate: str
    payload: Sha256
    key: Sha256
    index: int


@dataclass(frozen=True, slots=True)
class Signable:
    """What an owner signs: a revision with its files, and the positions of the refs that point at it, as (ref, seq)."""

    revision: Revision
    positions: tuple[tuple[RefName, int], ...]


def signable(node: Node, actor: Actor, repo: Repo, rev: str) -> Signable:
    """Return what there is to sign about a revision; for those who write to the repository. Raises NotAllowed or as reads do."""
    access.require_write(actor, repo)
    revision = access.resolve_revision(node, repo, rev)
    with node.db.read() as conn:
        refs = logged.refs_at(conn, repo.id, revision.rev)
    return Signable(revision, tuple(refs))


def attach(node: Node, actor: Actor, repo: Repo, rev: str, listed: Sequence[bytes]) -> list[Attached]:
    """Attach bundles to a revision and return them as logged.

    Raises NotAllowed without the right; BadSignature if a bundle is by no key that the owner of the namespace holds; BadFormat,
    DigestMismatch or Conflict if it is not about this revision; TooLarge for more than 20.
    """
    access.require_write(actor, repo)
    if len(listed) > MAX_BUNDLES:
        raise TooLarge(f"at most {MAX_BUNDLES} bundles can be attached at once, got {len(listed)}")
    revision = access.resolve_revision(node, repo, rev)
    keys = owner_keys(node, repo.repo.namespace)
    # 1. and 2.
    checked = [_check(node, repo, revision, _verified(data, keys)) for data in listed]
    # 3.
    return [_enter(node, repo, revision, said, position) for said, position in checked]


def owner_keys(node: Node, namespace: str) -> list[PublicKey]:
    """Return the keys in force that the owner of a namespace holds."""
    with node.db.read() as conn:
        rows = logkeys.of_use(conn, KeyUse.NAMESPACE.value, namespace.lower())
    return [PublicKey.from_text(row.spki) for row in rows if _held(row)]


def _held(row: LogKey) -> bool:
    return row.state == "active" and row.holder == Holder.OWNER.value


def _verified(data: bytes, keys: Sequence[PublicKey]) -> VerifiedStatement:
    bundle = parse_bundle_json(data)
    for key in keys:
        try:
            return verify_bundle(bundle, key)
        except BadSignature:
            continue
    raise BadSignature(
        "the bundle is not signed by a key that the owner of this namespace holds",
        hint="register the key first: hanse sign register NAMESPACE --key FILE",
    )


def _check(
    node: Node, repo: Repo, revision: Revision, said: VerifiedStatement
) -> tuple[VerifiedStatement, tuple[RefName, int] | None]:
    """Return the statement and the position it is about, if it is about one; raises unless it is true of this revision."""
    kind = said.statement.predicate_type
    if kind == OMS:
        _check_manifest(node, repo, revision, said)
        return said, None
    if kind != REF:
        raise BadFormat(f"owners sign manifests and positions of refs, got {kind[:120]!r}")
    if repo.salt is not None:
        raise NotAllowed("positions of a repository that is not public need no signature of its owner")
    with node.db.read() as conn:
        for ref, seq in logged.positions_of(conn, repo.id, revision.rev, _POSITIONS):
            own = repo.repo
            wanted = ref_payload(own.origin, own.type, own.folded, RefName(ref), seq=seq, rev=revision.rev, tree=revision.tree)
            if wanted == said.payload:
                return said, (RefName(ref), seq)
    raise Conflict("the position that is signed is none that a ref of this repository has at this revision")


def _check_manifest(node: Node, repo: Repo, revision: Revision, said: VerifiedStatement) -> None:
    manifest = parse_manifest(said)
    named = manifest.revision
    if named is not None and (named.repo.origin, named.repo.type, named.repo.folded) != (
        repo.repo.origin,
        repo.repo.type,
        repo.repo.folded,
    ):
        raise Conflict(f"the manifest is of {named.repo}, this is {repo.repo}")
    if named is not None and (named.rev, named.tree) != (revision.rev, revision.tree):
        raise Conflict(f"the manifest is of revision {named.rev}, this is {revision.rev}")
    entries = {one.path: one for one in node.listings.get(node.store, revision.object).directory.entries()}
    for file in manifest.files:
        entry = entries.pop(file.path, None)
        if entry is None or entry.sha256 != file.sha256:
            raise DigestMismatch(f"the manifest lists {file.path[:300]!r}, which the revision does not have like this")
        if file.size not in (None, entry.size) or file.xet not in (None, entry.xet):
            raise DigestMismatch(f"the manifest has another size or Xet hash of {file.path[:300]!r}")
    if entries:
        left = ", ".join(repr(path[:100]) for path in sorted(entries)[:5])
        raise DigestMismatch(f"the manifest lacks {len(entries)} files of the revision: {left}", hint="sign all of them")


def _enter(node: Node, repo: Repo, revision: Revision, said: VerifiedStatement, position: tuple[RefName, int] | None) -> Attached:
    bundle = bundles.keep(node.store, Bundle(said.payload, said.signature, said.key))
    kind, key = said.statement.predicate_type, said.key.fingerprint
    queued = enter(node, repo, revision, bundle, kind, position=position)
    if queued is None:
        with node.db.read() as conn:
            known = attestations.get(conn, repo.id, revision.rev, bundle.digest, key)
        if known is None or not known.current:
            raise Conflict("the repository was changed meanwhile", hint="look at it again, then sign what it is now")
        queued = known.leaf_id
    with node.db.read() as conn:
        row = leaves.get(conn, queued)
    index = row.index if row is not None and row.index is not None else None
    if index is None:
        index = node.sequencer.wait(queued, node.limits.publish_timeout_seconds)
    return Attached(kind, bundle.digest, key, index)
