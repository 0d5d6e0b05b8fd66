"""Keys that change: rotation, hand-over of a namespace, distrust. Each is said in the log, or readers take it for a theft.

Rotation of one of the node's own keys, in the order that a crash cannot spoil:

1. The new key lies beside the old one, as DATA/keys/USE.key.next (or is opened where `--to` says).
2. One transaction queues a `transfer` leaf, signed by the old key, which ends the old one; with the key of refs also one for
   each namespace that it answers for.
3. The files change places: the old one stays as USE.key.FINGERPRINT until it is destroyed by hand.

A crash before 2 leaves a key that nobody knows, which the next attempt takes; after 2 the next start does 3
(`hanse.flows.keyring.finish`). A process that still has the old key signs nothing more for refs and statements
(`hanse.flows.keyleaves.require_current`): it is restarted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from hanse.db import logged, logkeys
from hanse.db.logkeys import LogKey
from hanse.errors import BadSetting, Conflict, NotAllowed, NotFoundError, StorageError
from hanse.flows.keyleaves import queue_key_leaf, vouched
from hanse.flows.keyring import USES, Custody, default_path, next_path, put_in_place
from hanse.flows.node import Node
from hanse.keys.custody import open_signer
from hanse.keys.files import make_key
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse
from hanse.model.leaf import parse_leaf
from hanse.model.publickey import PublicKey, Signer
from hanse.model.repo import parse_name

_MIN_PREFIX = 8


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did. kept: where the old private key still lies, None if it is not in the data folder."""

    use: str
    old: str
    new: PublicKey
    namespaces: tuple[str, ...]
    kept: Path | None


def rotate(node: Node, data: Path, custody: Custody, use: str, *, to: str | None = None) -> Rotated:
    """Replace one of the node's own keys by a new one that the old one vouches for.

    to: place of the new key, if it is not in the data folder; the setting `key_USE` has to name it from then on. Raises
    BadSetting if the old one is not in the data folder and `to` is missing, or the new one has another scheme; StorageError if
    the old key is not in force (then it cannot vouch); what opening a key raises.
    """
    old = node.keys.of(use)
    here = custody.place(data, use) == str(default_path(data, use))
    new = _new_key(data, custody, use, to, here=here)
    if new.public == old.public:
        raise Conflict(f"{to} holds the {use} key that is in use already")

    with node.db.write() as conn:
        known = logkeys.get(conn, use, "", old.public.fingerprint)
        if known is None or known.state != "active":
            raise StorageError(
                f"the log does not know the {use} key {old.public.fingerprint[:16]} as one in force",
                hint="start the node once so that it registers its keys; if the key is lost, add --lost",
            )
        namespaces = _replace(node, conn, use, old.public.fingerprint, new.public, voucher=old)
    kept = put_in_place(data, use, old.public) if here and to is None else None
    return Rotated(use, old.public.fingerprint, new.public, namespaces, kept)


def replace_lost(node: Node, use: str) -> Rotated:
    """Say in the log that the key this process has replaces one that is lost; nothing vouches for it, so readers are alarmed.

    Raises Conflict if the key that the log knows is not lost but the one in use.
    """
    new = node.keys.of(use).public
    with node.db.write() as conn:
        known = [row for row in logkeys.of_use(conn, use) if row.state == "active"]
        if any(row.key == new.fingerprint for row in known):
            raise Conflict(f"the {use} key {new.fingerprint[:16]} is in force", hint=f"hanse key rotate {use}, without --lost")
        if not known:
            raise NotFoundError(f"the log knows no {use} key that could be lost", hint="start the node once")
        old, *others = sorted(known, key=lambda row: PublicKey.from_text(row.spki).scheme is not USES[use])
        namespaces = _replace(node, conn, use, old.key, new, voucher=None)
        for row in others:
            queue_key_leaf(conn, KeyLeaf(node.clock.now(), node.origin, KeyOp.RETIRE, KeyUse(use), row.key))
    return Rotated(use, old.key, new, namespaces, None)


def transfer(leaf: KeyLeaf, old: Signer) -> KeyLeaf:
    """Return the leaf that adds a key as one that hands over to it, with the signature of the key before."""
    return vouched(leaf, old, KeyOp.TRANSFER)


def _replace(node: Node, conn: Connection, use: str, old: str, new: PublicKey, *, voucher: Signer | None) -> tuple[str, ...]:
    """Queue the leaves by which `new` follows `old`; return the namespaces they are about."""
    held = [row for row in logkeys.every(conn) if row.use == KeyUse.NAMESPACE.value and row.key == old and row.state == "active"]
    namespaces = tuple(row.namespace for row in held) if use == KeyUse.REF.value else ()
    places: list[tuple[KeyUse, str | None]] = [(KeyUse(use), None)]
    places += [(KeyUse.NAMESPACE, namespace) for namespace in namespaces]
    for kind, namespace in places:
        leaf = _adding(node, kind, new, namespace, None if namespace is None else Holder.OPERATOR)
        if voucher is not None:
            queue_key_leaf(conn, transfer(leaf, voucher))
        else:
            queue_key_leaf(conn, leaf)
            queue_key_leaf(conn, KeyLeaf(leaf.time, node.origin, KeyOp.RETIRE, kind, Sha256(old), namespace=namespace))
    return namespaces


def _adding(node: Node, use: KeyUse, new: PublicKey, namespace: str | None, holder: Holder | None) -> KeyLeaf:
    key = Sha256(new.fingerprint)
    return KeyLeaf(node.clock.now(), node.origin, KeyOp.ADD, use, key, spki=new.text, namespace=namespace, holder=holder)


def _new_key(data: Path, custody: Custody, use: str, to: str | None, *, here: bool) -> Signer:
    if to is not None:
        new = open_signer(to, custody.passphrase)
    elif here:
        new = make_key(next_path(data, use), USES[use], custody.passphrase)
    else:
        raise BadSetting(f"the {use} key is kept in {custody.places[use]}", hint="make a new key there and name it with --to")
    if new.public.scheme is not USES[use]:
        raise BadSetting(f"the {use} key must be {USES[use].value}, the one in {to} is {new.public.scheme.value}")
    return new


def hand_over(node: Node, namespace: str, new: PublicKey, holder: Holder, by: Signer | None = None) -> KeyLeaf:
    """Queue the leaf by which another key answers for a namespace from then on, and return it.

    by: the key that answers for it now; the node's key of refs if None. Raises NotAllowed if that key does not answer for it,
    BadRepoId for no namespace, Conflict if the new one answers for it already.
    """
    name, old = parse_name(namespace, "namespace").lower(), node.keys.ref if by is None else by
    leaf = _adding(node, KeyUse.NAMESPACE, new, name, holder)
    with node.db.write() as conn:
        rows = logkeys.of_use(conn, KeyUse.NAMESPACE.value, name)
        active = {row.key for row in rows if row.state == "active"}
        if new.fingerprint in active:
            raise Conflict(f"key {new.fingerprint[:16]} answers for {name} already")
        if rows and old.public.fingerprint not in active:
            raise NotAllowed(
                f"key {old.public.fingerprint[:16]} does not answer for {name}",
                hint="name the private key of who holds the namespace with --with",
            )
        if rows:
            leaf = transfer(leaf, old)
        queue_key_leaf(conn, leaf)
    return leaf


def distrust(node: Node, key: str, after: int, *, successors: bool = False) -> KeyLeaf:
    """Queue the leaf by which a key counts for nothing that it signed in leaves after the index `after`, and return it.

    key: fingerprint, or its first 8 or more digits; successors: also where it vouched for another key after that. Raises
    NotFoundError if the log knows no such key or several, NotAllowed for a key that the node still signs with, BadSetting for an
    index beyond the log, Conflict for one before it vouched for a key, unless `successors` says that this is meant.
    """
    size = node.log.size
    if not 0 <= after < size:
        raise BadSetting(f"--after must be the index of a leaf of the log, from 0 to {size - 1}, got {after}")
    with node.db.write() as conn:
        row = _find(logkeys.every(conn), key)
        if any(key.public.fingerprint == row.key for key in node.keys.named.values()):
            raise NotAllowed(f"the node signs with key {row.key[:16]}", hint="rotate it first: hanse key rotate")
        later = [index for index in _vouching(conn, row.key) if index > after]
        if later and not successors:
            raise Conflict(
                f"the key vouched for another one in leaf {later[-1]} of the log, which would not count either",
                hint=f"name --after {later[-1]} or a later one; --with-successors if somebody else wrote that leaf, "
                f"and then replace the other key as a lost one: hanse key rotate {row.use} --lost",
            )
        leaf = KeyLeaf(node.clock.now(), node.origin, KeyOp.DISTRUST, KeyUse(row.use), row.key, after=after)
        queue_key_leaf(conn, leaf)
    return leaf


def _vouching(conn: Connection, key: str) -> list[int]:
    """Return the indexes of the leaves in which a key vouches for another one, in their order."""
    rows = [(row.index, parse_leaf(row.leaf)) for row in logged.key_leaves(conn)]
    return [index for index, leaf in rows if index is not None and isinstance(leaf, KeyLeaf) and leaf.by == key]


def _find(rows: list[LogKey], key: str) -> LogKey:
    found = {row.key: row for row in rows if len(key) >= _MIN_PREFIX and row.key.startswith(key.lower())}
    if len(found) != 1:
        raise NotFoundError(f"{len(found) or 'no'} keys of this log have the fingerprint {key[:64]}", hint="hanse key list")
    return found.popitem()[1]
