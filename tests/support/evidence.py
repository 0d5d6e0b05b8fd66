"""Members with real keys and logs, and the evidence files that their nodes would hand out; attacks change what a member does.

A `Member` writes leaves as a node does: its keys, then for every published revision a ref leaf, a snapshot, and the attest leaf
of its manifest. `evidence` shows what a verifier needs of one revision.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.support.signers import MemorySigner, signer
from tests.support.tiledlog import TiledLog

from hanse.flows.trust import mirror_name, witness_name
from hanse.model.canonical import canonical
from hanse.model.digest import EMPTY_XET, NO_SHA256, GitOid, Sha256, XetHash
from hanse.model.entry import Entry
from hanse.model.evidence import OLD_LOG_TYPE, LeafEvidence, LogEvidence, MapEvidence, MapName, encode_evidence, parse_evidence
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.leaf import KnownLeaf, encode_leaf, leaf_id
from hanse.model.leaf_fields import Payload
from hanse.model.publickey import Scheme
from hanse.model.ref_leaf import RefLeaf, RevKind, signed_bytes
from hanse.model.ref_statement import REF_PREDICATE, ref_payload, ref_signed
from hanse.model.repo import Origin, RefName, RepoId, RepoType
from hanse.model.trust_leaf import AttestLeaf, SnapshotLeaf
from hanse.sign.bundle import Bundle, make_bundle
from hanse.sign.oms import manifest_statement
from hanse.sign.statement import Statement
from hanse.tlog.checkpoint import sign_checkpoint
from hanse.tlog.cosignature import cosign
from hanse.tlog.map import MerkleMap, ref_key, ref_value, tree_key, tree_value
from hanse.tlog.note import ED25519, NoteKey
from hanse.tlog.proof import consistency_proof, inclusion_proof

NOW = 1_800_000_000
MAIN = RefName("refs/heads/main")
_EMPTY = hashlib.sha256(b"").hexdigest()


def entries(contents: Mapping[str, bytes]) -> list[Entry]:
    """Return the entries of these files; the xet hash is one that depends on the content, as far as verification cares."""
    found = []
    for path, data in contents.items():
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        xet = EMPTY_XET if not data else XetHash(hashlib.sha256(b"xet" + data).hexdigest())
        found.append(Entry(path, len(data), sha256, xet, GitOid(hashlib.sha1(data).hexdigest()), lfs=False))
    return found


def tree_of(files: Iterable[Entry]) -> Sha256:
    """Return the root of the map of these files."""
    puts = [(tree_key(one.path), tree_value(one.size, one.sha256, one.xet)) for one in files]
    return Sha256(MerkleMap.empty().apply(puts).root.hex())


@dataclass(frozen=True)
class Revision:
    """A published revision. at: indices of its leaves; bundle: its manifest, signed."""

    repo: RepoId
    ref: RefName
    seq: int
    rev: GitOid
    tree: Sha256
    files: tuple[Entry, ...]
    at: tuple[int, ...]
    bundle: Bundle


class Member:
    """An institution with its log; `key` names its five keys."""

    def __init__(self, origin: str, *, start: int = NOW - 10_000) -> None:
        self.origin = Origin(origin)
        self.time = start
        self.log_signer, self.witness, self.mirror = (self.key(use) for use in ("log", "witness", "mirror"))
        self.attest, self.ref = self.key("attest", Scheme.ECDSA_P256), self.key("ref", Scheme.ECDSA_P256)
        self.log = TiledLog(origin)
        self.refs, self.advisories = MerkleMap.empty(), MerkleMap.empty()
        self.chains: dict[tuple[RepoId, RefName], tuple[int, Sha256]] = {}
        self.keys: dict[KeyUse, int] = {}
        for use, one in (
            (KeyUse.LOG, self.log_signer),
            (KeyUse.WITNESS, self.witness),
            (KeyUse.MIRROR, self.mirror),
            (KeyUse.ATTEST, self.attest),
            (KeyUse.REF, self.ref),
        ):
            self.keys[use] = self.add_key(one, use)
        self.names: dict[str, list[int]] = {}

    def key(self, use: str, scheme: Scheme = Scheme.ED25519) -> MemorySigner:
        """Return the member's key for a use."""
        return signer(f"{self.origin} {use}", scheme)

    @property
    def vkey(self) -> NoteKey:
        """The key that the log signs checkpoints with."""
        return NoteKey(self.origin, self.log_signer.public, ED25519)

    def append(self, *leaves: KnownLeaf) -> int:
        """Append leaves as one batch and return the index of the first."""
        first = len(self.log.leaves)
        self.log.append([encode_leaf(leaf) for leaf in leaves])
        return first

    def add_key(
        self,
        added: MemorySigner,
        use: KeyUse,
        *,
        namespace: str | None = None,
        holder: Holder | None = None,
        by: MemorySigner | None = None,
        op: KeyOp = KeyOp.ADD,
    ) -> int:
        """Log a key, handed over by an earlier one if there is one, and return the leaf's index."""
        public = added.public
        earlier = by.public.fingerprint if by else ""
        leaf = KeyLeaf(self.time, self.origin, op, use, public.fingerprint, public.text, namespace, holder, by=earlier)
        if by is not None:
            leaf = replace(leaf, sig=_base64(by.sign(handover_bytes(leaf))))
        return self.append(leaf)

    def distrust(self, key: MemorySigner, use: KeyUse, after: int) -> int:
        """Log that a key counts no more after an index, and return the leaf's index."""
        return self.append(KeyLeaf(self.time, self.origin, KeyOp.DISTRUST, use, key.public.fingerprint, after=after))

    def name(self, namespace: str, owner: MemorySigner | None = None) -> int:
        """Register who answers for a namespace, by default the node itself, and return the leaf's index."""
        holder = Holder.OPERATOR if owner is None else Holder.OWNER
        index = self.add_key(owner or self.ref, KeyUse.NAMESPACE, namespace=namespace, holder=holder)
        self.names.setdefault(namespace, []).append(index)
        return index

    def set_ref(
        self, repo: RepoId, rev: GitOid, tree: Sha256, *, ref: RefName = MAIN, kind: RevKind = RevKind.COMPUTED, sign: bool = True
    ) -> tuple[RefLeaf, int]:
        """Log a position of a ref, signed with the node's key, and return the leaf with its index."""
        if repo.origin == self.origin and repo.namespace not in self.names:
            self.name(repo.namespace)
        seq, prev = self.chains.get((repo, ref), (0, NO_SHA256))
        leaf = RefLeaf(self.time, repo.origin, repo.type, repo.folded, ref, seq + 1, prev, rev, kind, tree)
        if sign:
            leaf = replace(leaf, key=self.ref.public.fingerprint)
            leaf = replace(leaf, sig=_base64(self.ref.sign(signed_bytes(leaf))))
        self.chains[repo, ref] = (seq + 1, leaf_id(encode_leaf(leaf)))
        self.refs = self.refs.apply([(ref_key(repo.origin, repo.type, repo.folded, ref), ref_value(leaf.seq, rev, tree))])
        return leaf, self.append(leaf)

    def snapshot(self) -> int:
        """Log the roots of the maps and return the leaf's index."""
        return self.append(SnapshotLeaf(self.time, Sha256(self.refs.root.hex()), Sha256(self.advisories.root.hex())))

    def log_statement(
        self, statement: Statement, repo: RepoId, rev: GitOid, tree: Sha256, key: MemorySigner | None = None
    ) -> tuple[Bundle, int]:
        """Sign a statement, list it, and return bundle and index of the attest leaf."""
        bundle = make_bundle(statement, key or self.attest)
        leaf = AttestLeaf(
            self.time,
            repo.origin,
            repo.type,
            repo.folded,
            rev,
            tree,
            statement.predicate_type,
            Payload(bundle.digest, len(bundle.payload)),
            bundle.key.fingerprint,
            _base64(bundle.signature),
        )
        return bundle, self.append(leaf)

    def sign_position(self, leaf: RefLeaf, owner: MemorySigner) -> int:
        """Log the owner's signature over a position and return the leaf's index."""
        rev, tree, ref = GitOid(leaf.rev), leaf.tree, RefName(leaf.ref)
        payload = ref_payload(leaf.origin, leaf.type, leaf.repo, ref, seq=leaf.seq, rev=rev, tree=tree)
        listed = Payload(Sha256(hashlib.sha256(payload).hexdigest()), len(payload))
        sig = _base64(owner.sign(ref_signed(payload)))
        head = (self.time, leaf.origin, leaf.type, leaf.repo, rev, tree, REF_PREDICATE, listed)
        return self.append(AttestLeaf(*head, owner.public.fingerprint, sig, ref, leaf.seq))

    def publish(
        self,
        repo: str,
        contents: Mapping[str, bytes],
        *,
        ref: RefName = MAIN,
        owner: MemorySigner | None = None,
        settle: bool = True,
    ) -> Revision:
        """Publish a revision as a node does: position, snapshot, and (once settled) the manifest."""
        return self.publish_entries(repo, tuple(entries(contents)), ref=ref, owner=owner, settle=settle)

    def publish_entries(
        self,
        repo: str,
        files: tuple[Entry, ...],
        *,
        ref: RefName = MAIN,
        owner: MemorySigner | None = None,
        settle: bool = True,
    ) -> Revision:
        """Publish a revision of which only the entries are known."""
        self.time += 100
        named = self.repo(repo)
        tree = tree_of(files)
        rev = GitOid(hashlib.sha1(f"{self.time} {tree}".encode()).hexdigest())
        leaf, at = self.set_ref(named, rev, tree, ref=ref)
        extra = (self.sign_position(leaf, owner),) if owner else ()
        shown = self.snapshot()
        statement = manifest_statement(repo, files, named, rev, tree)
        if not settle:
            return Revision(named, ref, leaf.seq, rev, tree, files, (at, *extra, shown), make_bundle(statement, self.attest))
        bundle, listed = self.log_statement(statement, named, rev, tree, owner)
        return Revision(named, ref, leaf.seq, rev, tree, files, (at, *extra, shown, listed), bundle)

    def repo(self, path: str) -> RepoId:
        """Return the identity of one of the member's own models."""
        namespace, _, name = path.partition("/")
        return RepoId(self.origin, RepoType.MODEL, namespace, name)

    # What others make of it.

    def checkpoint(
        self, witnesses: Sequence[Member] = (), mirrors: Sequence[Member] = (), *, time: int = NOW, size: int | None = None
    ) -> bytes:
        """Return the checkpoint with the cosignatures of other members at `time`."""
        head = self.log.head(size)
        lines = [cosign(head, witness_name(one.origin), one.witness, time) for one in witnesses]
        lines += [cosign(head, mirror_name(one.origin), one.mirror, time) for one in mirrors]
        return sign_checkpoint(head, self.log_signer) + "".join(f"{line}\n" for line in lines).encode()

    def leaf(self, index: int, size: int) -> LeafEvidence:
        """Return a leaf with its proof."""
        return LeafEvidence(index, self.log.leaves[index], inclusion_proof(index, size, self.log.read))

    def shown(self, indices: Iterable[int], checkpoint: bytes | None = None, *, vkey: bool = True) -> LogEvidence:
        """Return what an evidence file shows of the log: these leaves under its checkpoint."""
        size = len(self.log.leaves)
        leaves = tuple(self.leaf(index, size) for index in sorted(set(indices)))
        return LogEvidence(self.origin, checkpoint or self.checkpoint(), leaves, self.vkey.text if vkey else "")

    def map_proof(self, repo: RepoId, ref: RefName, value: tuple[int, str, str] | None) -> MapEvidence:
        """Return what the map of refs has for a ref."""
        proof = self.refs.prove(ref_key(repo.origin, repo.type, repo.folded, ref)).encode()
        return MapEvidence(self.origin, MapName.REFS, ("ref", repo.origin, repo.type.value, repo.folded, ref), value, proof)

    def last_snapshot(self) -> int:
        """Return the index of the newest snapshot leaf."""
        return max(index for index, leaf in enumerate(self.log.leaves) if b'"kind":"snapshot"' in leaf)

    def needed(self, revision: Revision) -> list[int]:
        """Return the indices of the leaves that evidence of a revision of this member shows."""
        tail = range(self.last_snapshot(), len(self.log.leaves))
        names = self.names[revision.repo.namespace]
        return [self.keys[KeyUse.ATTEST], self.keys[KeyUse.REF], *names, *revision.at, *tail]

    def evidence(
        self,
        revision: Revision,
        checkpoint: bytes | None = None,
        others: Sequence[LogEvidence] = (),
        bundles: Sequence[bytes] = (),
    ) -> bytes:
        """Return the evidence file of a revision of this member, with what others say about it."""
        value = (revision.seq, revision.rev, revision.tree)
        found = self.map_proof(revision.repo, revision.ref, value)
        log = self.shown(self.needed(revision), checkpoint)
        return encode_evidence([revision.bundle.encode(), *bundles], [log, *others], [found])

    def growth(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that the log of `new` leaves continues that of `old`."""
        return consistency_proof(old, new, self.log.read)


def as_before(data: bytes) -> bytes:
    """Return an evidence file as it was written before hashes were shared: its logs in the first form."""
    lines = []
    for line in data.splitlines():
        log = next(iter(parse_evidence(line).logs), None)
        if log is not None:
            leaves = [
                {"index": one.index, "leaf": one.leaf.decode(), "path": [_base64(item) for item in one.path]}
                for one in log.leaves
            ]
            line = canonical(json.loads(line) | {"mediaType": OLD_LOG_TYPE, "leaves": leaves})  # noqa: PLW2901
        lines.append(line + b"\n")
    return b"".join(lines)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
