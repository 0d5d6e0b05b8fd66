"""Positions in the journal: the newest leaf of a ref's chain, and queueing the next one.

Every change of a repository happens in `change_repo`: one transaction that keeps other changes of the same repository out,
sees what is queued already, and queues leaves behind it. Nothing here waits for others or fails half-way.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection

from hanse.db import leaves, repos, revisions
from hanse.db.repos import Repo
from hanse.db.revisions import RefRow
from hanse.errors import Busy
from hanse.flows import effects, keyleaves, records
from hanse.flows.access import missing, require_own
from hanse.flows.effects import Commit, Effect, Move, Signed
from hanse.flows.node import Node
from hanse.flows.records import RefsRecord
from hanse.model.conceal import SALT_BYTES, conceal
from hanse.model.copies_leaf import CopiesLeaf
from hanse.model.digest import NO_GIT_OID, NO_SHA256, GitOid, Sha256
from hanse.model.key_leaf import KeyUse
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.publickey import Signer
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind, signed_bytes
from hanse.model.repo import RefName, RepoId, Visibility

ATTEMPTS = 8
"""How often a change that lost a race is made again before the caller is told to come back."""
_turns = [threading.Lock() for _ in range(64)]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Position:
    """The newest position of a ref, queued or applied.

    seq 0: the ref never was; all-zero rev: it is deleted. pending: row id of the leaf while it is queued.
    """

    ref: RefName
    seq: int
    rev: GitOid
    tree: Sha256
    leaf_hash: Sha256
    pending: int | None = None

    @staticmethod
    def start(ref: RefName) -> Position:
        """Return the position before the first one of a chain."""
        return Position(ref, 0, NO_GIT_OID, NO_SHA256, NO_SHA256)

    @property
    def there(self) -> bool:
        """Tell whether the ref exists."""
        return self.rev != NO_GIT_OID


@dataclass(frozen=True, slots=True)
class Queued:
    """A leaf that waits for the sequencer."""

    pending: int
    seq: int


def newest(conn: Connection, repo: int, ref: RefName) -> Position:
    """Return the newest position of a ref: the last queued one, else the applied one."""
    return newest_of(conn, repo, [ref])[ref]


def newest_of(conn: Connection, repo: int, names: list[RefName]) -> dict[RefName, Position]:
    """Return the newest positions of several refs."""
    found = {name: Position.start(name) for name in names}
    # What is queued is asked for first: on PostgreSQL the sequencer may apply it between the two questions.
    queued = leaves.waiting_of(conn, repo)
    for row in revisions.all_refs(conn, repo, deleted=True) if len(names) > 1 else [revisions.ref(conn, repo, names[0])]:
        if row is not None and row.ref in found:
            found[row.ref] = Position(row.ref, row.seq, row.rev, row.tree, row.leaf_hash)
    for leaf in queued:
        name = RefName(leaf.ref or "")
        if name in found:
            rev, tree = GitOid(str(leaf.rev)), Sha256(str(leaf.tree))
            found[name] = Position(name, leaf.seq or 0, rev, tree, leaf.leaf_hash, leaf.id)
    return found


def ref_names(conn: Connection, repo: int) -> list[RefName]:
    """Return the names of all refs that exist or have queued leaves, sorted."""
    queued = {RefName(row.ref) for row in leaves.waiting_of(conn, repo) if row.ref is not None}
    applied = {row.ref for row in revisions.all_refs(conn, repo, deleted=True)}
    return sorted(queued | applied)


def queue_commit(node: Node, conn: Connection, repo: Repo, position: Position, *, rev: GitOid, tree: Sha256, now: int) -> Queued:
    """Queue the leaf of a commit made on `position`; for a repository locked by `change_repo`.

    The commit's revision object is stored, and its row is queued in the same transaction. Raises NotAllowed for a mirror.
    """
    require_own(repo)
    return _queue_ref(node, conn, repo, position, rev=rev, tree=tree, effect=Commit(), now=now)


def queue_move(
    node: Node,
    conn: Connection,
    repo: Repo,
    position: Position,
    *,
    rev: GitOid,
    tree: Sha256,
    now: int,
    message: str = "",
    observed: bool = False,
) -> Queued:
    """Queue the leaf that sets a ref to an existing revision, or deletes it (all-zero rev and tree).

    For a repository locked by `change_repo`. What the leaf does not say (concealed names, a tag's message) is stored first.
    observed: an upstream says so; raises NotAllowed for a mirror otherwise.
    """
    if not observed:
        require_own(repo)
    record = ""
    if repo.salt is not None or message:
        fields = records.head_fields(repo.repo, repo.salt)
        record = records.save(node.store, RefsRecord(**fields, refs=[(position.ref, rev, tree, message)]))
    return _queue_ref(node, conn, repo, position, rev=rev, tree=tree, effect=Move(message, record=record), now=now)


def queue_new_chains(node: Node, conn: Connection, repo: Repo, refs: Sequence[RefRow], now: int) -> list[Queued]:
    """Queue the first leaves of new chains for all refs of a repository whose visibility epoch begins.

    repo: with its new visibility and salt.
    """
    if not refs:
        return []
    listed = [(str(row.ref), str(row.rev), str(row.tree), row.message) for row in refs]
    record = records.save(node.store, RefsRecord(**records.head_fields(repo.repo, repo.salt), refs=listed))
    start = [Position.start(row.ref) for row in refs]
    return [
        _queue_ref(node, conn, repo, position, rev=row.rev, tree=row.tree, effect=Move(row.message, record=record), now=now)
        for position, row in zip(start, refs, strict=True)
    ]


def queue_signed(node: Node, conn: Connection, repo: Repo, position: Position, now: int) -> Queued:
    """Queue a leaf that repeats a ref's position, now signed: its chain began before this node had keys."""
    return _queue_ref(node, conn, repo, position, rev=position.rev, tree=position.tree, effect=Signed(), now=now)


def _queue_ref(
    node: Node, conn: Connection, repo: Repo, position: Position, *, rev: GitOid, tree: Sha256, effect: Effect, now: int
) -> Queued:
    keyleaves.require_current(node, conn, KeyUse.REF)
    leaf = RefLeaf(
        time=now,
        origin=repo.repo.origin,
        type=repo.repo.type,
        repo=repo.repo.folded,
        ref=position.ref,
        seq=position.seq + 1,
        prev=position.leaf_hash,
        rev=rev,
        rev_kind=RevKind.COMPUTED if repo.repo.origin == node.origin else RevKind.CLAIMED,
        tree=tree,
        key=node.keys.ref.public.fingerprint,
    )
    if repo.salt is None and repo.repo.origin == node.origin:
        keyleaves.register_namespace(node, conn, repo.repo.namespace)
    data = encode_leaf(sign_ref(leaf if repo.salt is None else conceal(leaf, repo.salt), node.keys.ref))
    row = {"repo_id": repo.id, "kind": "ref", "ref": position.ref, "seq": leaf.seq, "rev": rev, "tree": tree, "leaf": data}
    row |= {"leaf_hash": leaf_id(data), "effect": effects.encode(effect), "created_at": now}
    return Queued(leaves.append(conn, row), leaf.seq)


def sign_ref(leaf: RefLeaf, signer: Signer) -> RefLeaf:
    """Return a ref leaf, which names the signer's key and is concealed already if it has to be, with its signature."""
    return replace(leaf, sig=base64.b64encode(signer.sign(signed_bytes(leaf))).decode())


def repo_leaf(repo: RepoId, salt: bytes | None, op: RepoOp, to: str | None, now: int) -> bytes:
    """Return the bytes of a `repo` leaf, concealed under `salt` if there is one."""
    leaf = RepoLeaf(now, repo.origin, repo.type, repo.folded, op, to)
    return encode_leaf(leaf if salt is None else conceal(leaf, salt))


def queue_repo(conn: Connection, repo: int, leaf: bytes, effect: Effect, now: int) -> Queued:
    """Queue a `repo` leaf."""
    row: dict[str, object] = {"repo_id": repo, "kind": "repo", "leaf": leaf, "leaf_hash": leaf_id(leaf)}
    row |= {"effect": effects.encode(effect), "created_at": now}
    return Queued(leaves.append(conn, row), 0)


def queue_copies(conn: Connection, repo: Repo, *, allowed: bool, now: int) -> Queued:
    """Queue a `copies` leaf about a public repository."""
    leaf = encode_leaf(CopiesLeaf(now, repo.repo.origin, repo.repo.type, repo.repo.folded, allowed))
    row: dict[str, object] = {"repo_id": repo.id, "kind": CopiesLeaf.kind, "leaf": leaf, "leaf_hash": leaf_id(leaf)}
    return Queued(leaves.append(conn, {**row, "effect": effects.NONE, "created_at": now}), 0)


def change_repo(node: Node, repo: Repo, change: Callable[[Connection, Repo], T]) -> T:
    """Run `change` in one transaction on the repository as it is now, with other changes of it kept out.

    Waits first until queued changes of the repository as a whole (rename, visibility, deletion) are applied. Raises
    RepoNotFound if the repository is gone, Busy if it does not come to rest, and what `change` raises.
    """
    for _ in range(ATTEMPTS):
        with node.db.write() as conn:
            locked = repos.lock(conn, repo.id)
            if locked is None or locked.state != "live":
                raise missing(repo.repo)
            unsettled = [row.id for row in leaves.waiting_of(conn, repo.id) if row.kind == "repo"]
            if not unsettled:
                return change(conn, locked)
        node.sequencer.wait(unsettled[-1], node.limits.publish_timeout_seconds)
    raise Busy(f"{repo.repo.path} is being changed by others all the time", hint="send the same request again")


@contextmanager
def turn(node: Node, repo: Repo) -> Iterator[None]:
    """Let the commits that this process makes to one repository take turns, so that none loses every race.

    Raises Busy if the others take longer than a commit may.
    """
    lock = _turns[repo.id % len(_turns)]
    if not lock.acquire(timeout=node.limits.publish_timeout_seconds):
        raise Busy(f"many commits to {repo.repo.path} wait already", hint="send the same commit again")
    try:
        yield
    finally:
        lock.release()


def new_salt(visibility: Visibility) -> bytes | None:
    """Return a fresh salt for a visibility epoch, None for public."""
    return None if visibility is Visibility.PUBLIC else secrets.token_bytes(SALT_BYTES)
