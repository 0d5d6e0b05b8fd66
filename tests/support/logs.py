"""A log as an honest node writes it, made leaf by leaf: for tests of replay and of whatever reads logs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pytest
from tests.support.leaves import ATTEST, MAIN, NODE, ORIGIN, OWNER, TIME, FixedSigner, key_leaf, position_leaf, signed

from hanse.errors import BadProof, IntegrityError
from hanse.model.conceal import conceal
from hanse.model.digest import NO_SHA256, GitOid, Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyUse
from hanse.model.leaf import Leaf, encode_leaf, leaf_id
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind
from hanse.model.repo import Origin, RefName, RepoType
from hanse.model.trust_leaf import AttestLeaf
from hanse.tlog.map import ref_key, ref_value
from hanse.tlog.replay import Replay

REPO = "org/name"


def rev(number: int) -> GitOid:
    """Return a commit id made from a number."""
    return GitOid(sha256(b"rev %d" % number).hexdigest()[:40])


def tree(number: int) -> Sha256:
    """Return a tree made from a number."""
    return Sha256(sha256(b"tree %d" % number).hexdigest())


@dataclass
class Log:
    """Leaves so far, and the last one of each chain: (repo, ref) as written -> (seq, leaf id)."""

    origin: Origin = ORIGIN
    leaves: list[bytes] = field(default_factory=list)
    tips: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)

    def add(self, leaf: Leaf | bytes) -> bytes:
        """Write a leaf and return its bytes."""
        data = leaf if isinstance(leaf, bytes) else encode_leaf(leaf)
        self.leaves.append(data)
        return data

    def key(self, signer: FixedSigner = NODE, use: KeyUse = KeyUse.REF, **fields: Any) -> KeyLeaf:
        """Register a key."""
        leaf = replace(key_leaf(signer.public, use, **fields), origin=self.origin)
        self.add(leaf)
        return leaf

    def repo(self, op: RepoOp = RepoOp.CREATE, repo: str = REPO, to: str | None = None, salt: bytes | None = None) -> bytes:
        """Write a `repo` leaf, and let the chains of clear names end or move."""
        leaf = RepoLeaf(TIME, self.origin, RepoType.MODEL, repo, op, to)
        hidden = leaf if salt is None else conceal(leaf, salt)
        ended = {key: self.tips.pop(key) for key in list(self.tips) if key[0] == hidden.repo}
        if op in (RepoOp.RENAME, RepoOp.TRANSFER) and salt is None:
            self.tips |= {(str(to), ref): tip for (_, ref), tip in ended.items()}
        return self.add(hidden)

    def next_ref(
        self, number: int, repo: str = REPO, ref: str = MAIN, *, by: FixedSigner | None = NODE, salt: bytes | None = None
    ) -> RefLeaf:
        """Return the next leaf of a chain, without writing it."""
        leaf = RefLeaf(
            time=TIME,
            origin=self.origin,
            type=RepoType.MODEL,
            repo=repo,
            ref=RefName(ref),
            seq=1,
            prev=NO_SHA256,
            rev=rev(number),
            rev_kind=RevKind.COMPUTED,
            tree=tree(number),
        )
        hidden = leaf if salt is None else conceal(leaf, salt)
        seq, prev = self.tips.get((hidden.repo, hidden.ref), (0, NO_SHA256))
        linked = replace(hidden, seq=seq + 1, prev=Sha256(prev))
        return linked if by is None else signed(linked, by)

    def ref(self, number: int, repo: str = REPO, ref: str = MAIN, **how: Any) -> RefLeaf:
        """Write the next leaf of a chain."""
        leaf = self.next_ref(number, repo, ref, **how)
        data = self.add(leaf)
        self.tips[leaf.repo, leaf.ref] = (leaf.seq, leaf_id(data))
        return leaf

    def position(self, leaf: RefLeaf, owner: FixedSigner = OWNER) -> AttestLeaf:
        """Let the owner sign a position."""
        made = position_leaf(leaf, owner)
        self.add(made)
        return made

    def snapshot(self) -> bytes:
        """Write the snapshot of what was written so far."""
        return self.add(self.replay().snapshot(TIME))

    def replay(self, **how: Any) -> Replay:
        """Return the replay of the whole log."""
        made = Replay.start(self.origin, **how)
        made.append(self.leaves)
        return made


def operator_log() -> Log:
    """Return a log with the node's keys, whose operator holds the namespace `org`, and a repository with one ref."""
    log = Log()
    log.key()
    log.key(ATTEST, KeyUse.ATTEST)
    log.key(NODE, KeyUse.NAMESPACE, namespace="org", holder=Holder.OPERATOR)
    log.repo()
    log.ref(1)
    return log


def owner_log() -> Log:
    """Return a log with the node's keys, where the namespace `org` is held by its owner, and a repository."""
    log = Log()
    log.key()
    log.key(OWNER, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
    log.repo()
    return log


def shown(replay: Replay, repo: str = REPO, ref: str = MAIN) -> tuple[int, str] | None:
    """Return (seq, rev) of what the map has, which must be in the map itself as well."""
    found = replay.position(RepoType.MODEL, repo, ref)
    key = ref_key(ORIGIN, RepoType.MODEL, repo, ref)
    assert replay.refs.get(key) == (None if found is None else ref_value(found.seq, found.rev, found.tree))
    return None if found is None else (found.seq, found.rev)


def refused(log: Log, leaf: object, error: type[IntegrityError] = BadProof) -> None:
    """Fail unless the next leaf is refused, and nothing has changed then."""
    replay = log.replay()
    before = (replay.size, replay.refs.root, list(replay.positions()))
    with pytest.raises(error):
        replay.append([leaf if isinstance(leaf, bytes) else encode_leaf(leaf)])  # type: ignore[arg-type]
    assert (replay.size, replay.refs.root, list(replay.positions())) == before
