"""`key` leaves: what the log says about the keys of this node and of the namespaces it holds.

A key is registered before the first leaf that it signs: the node's own keys at the first start, and its key for refs once more
for each namespace, with the first public ref there. Names of namespaces with nothing public are not told.
"""

from __future__ import annotations

import base64
from dataclasses import replace

from sqlalchemy import Connection

from hanse.db import leaves, logkeys
from hanse.db.logkeys import LogKey
from hanse.errors import StorageError
from hanse.flows import effects
from hanse.flows.node import Node
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.publickey import PublicKey, Signer

_USES = (KeyUse.LOG, KeyUse.WITNESS, KeyUse.MIRROR, KeyUse.ATTEST, KeyUse.REF)


def queue_key_leaf(conn: Connection, leaf: KeyLeaf) -> int:
    """Queue a `key` leaf, note what it says in `log_keys`, and return its row id among the queued leaves."""
    note_key_leaf(conn, leaf)
    data = encode_leaf(leaf)
    row: dict[str, object] = {"repo_id": None, "kind": "key", "leaf": data, "leaf_hash": leaf_id(data)}
    return leaves.append(conn, row | {"effect": effects.NONE, "created_at": leaf.time})


def note_key_leaf(conn: Connection, leaf: KeyLeaf) -> None:
    """Bring `log_keys` to what holds after a `key` leaf."""
    use, namespace = leaf.use.value, leaf.namespace or ""
    if leaf.op is KeyOp.DISTRUST:
        logkeys.set_state(conn, leaf.key, "distrusted")
    elif leaf.op is KeyOp.RETIRE:
        logkeys.set_state(conn, leaf.key, "retired", use=use, namespace=namespace)
    else:
        if leaf.op is KeyOp.TRANSFER:
            for old in logkeys.of_use(conn, use, namespace):
                if old.state == "active":
                    logkeys.set_state(conn, old.key, "retired", use=use, namespace=namespace)
        holder = leaf.holder.value if leaf.holder is not None else ""
        logkeys.add(conn, LogKey(use, namespace, leaf.key, leaf.spki, holder, "active", leaf.time))
        logkeys.set_state(conn, leaf.key, "active", use=use, namespace=namespace)


def register_keys(node: Node) -> None:
    """Queue the leaves of those of the node's own keys that the log does not know yet; several processes may do so at once.

    Raises StorageError if the log knows a key for this use and it is another one, or no longer this one: readers would take that
    for a thief's.
    """
    with node.db.write() as conn:
        for use in _USES:
            if logkeys.of_use(conn, use.value):
                require_current(node, conn, use)
            else:
                _register(node, conn, node.keys.of(use.value).public, use)
        if node.keys.witness_ml_dsa is not None:
            _register_second(node, conn, node.keys.witness_ml_dsa.public)


def require_current(node: Node, conn: Connection, use: KeyUse) -> None:
    """Raise StorageError unless the key that this process signs with is the one in force; asked before it signs a leaf.

    The key stays in force until the transaction ends, so that no leaf which it signs comes behind the one that ends it.
    """
    key = node.keys.of(use.value).public.fingerprint
    row = logkeys.get(conn, use.value, "", key, hold=True)
    if row is not None and row.state == "active":
        return
    if row is not None:
        raise StorageError(
            f"the {use.value} key {key[:16]} of this process is {row.state}",
            hint=f"restart the node, with key_{use.value} naming the new key if it is not in the data folder",
        )
    raise StorageError(
        f"the {use.value} key {key[:16]} is not the one that the log knows",
        hint=f"restore the former key, or, if it is lost, tell the readers: hanse key rotate {use.value} --lost",
    )


def _register_second(node: Node, conn: Connection, public: PublicKey) -> None:
    """Queue the leaf of the witness's second key, for which the first one vouches, and those that end keys it replaces.

    Raises StorageError if the log has ended the key: the next start makes a new one.
    """
    use, now = KeyUse.WITNESS, node.clock.now()
    row = logkeys.get(conn, use.value, "", public.fingerprint)
    if row is not None and row.state != "active":
        raise StorageError(f"the ML-DSA-44 key {row.key[:16]} of this process is {row.state}", hint="restart the node")
    entry = LogKey(use.value, "", Sha256(public.fingerprint), public.text, "", "active", now)
    if row is not None or not logkeys.add(conn, entry):
        return
    leaf = KeyLeaf(now, node.origin, KeyOp.ADD, use, entry.key, spki=public.text)
    queue_key_leaf(conn, vouched(leaf, node.keys.witness))
    for old in logkeys.of_use(conn, use.value):
        if old.state == "active" and old.key != entry.key and PublicKey.from_text(old.spki).scheme is public.scheme:
            queue_key_leaf(conn, KeyLeaf(now, node.origin, KeyOp.RETIRE, use, old.key))


def vouched(leaf: KeyLeaf, by: Signer, op: KeyOp = KeyOp.ADD) -> KeyLeaf:
    """Return the leaf of a new key with the signature of an earlier one; op: TRANSFER if it ends that one."""
    named = replace(leaf, op=op, by=by.public.fingerprint)
    return replace(named, sig=base64.b64encode(by.sign(handover_bytes(named))).decode())


def register_namespace(node: Node, conn: Connection, namespace: str) -> None:
    """Queue the leaf that registers the node's key for refs for a namespace, unless the log has it or the owner holds one."""
    held = logkeys.of_use(conn, KeyUse.NAMESPACE.value, namespace.lower())
    if not any(key.holder == Holder.OWNER.value and key.state == "active" for key in held):
        _register(node, conn, node.keys.ref.public, KeyUse.NAMESPACE, namespace.lower())


def _register(node: Node, conn: Connection, public: PublicKey, use: KeyUse, namespace: str | None = None) -> None:
    key, now = Sha256(public.fingerprint), node.clock.now()
    holder = None if namespace is None else Holder.OPERATOR
    if logkeys.get(conn, use.value, namespace or "", key) is not None:
        return
    entry = LogKey(use.value, namespace or "", key, public.text, "" if holder is None else holder.value, "active", now)
    if logkeys.add(conn, entry):  # else another process was first, and its leaf comes before whatever is queued here
        leaf = KeyLeaf(now, node.origin, KeyOp.ADD, use, key, spki=public.text, namespace=namespace, holder=holder)
        queue_key_leaf(conn, leaf)
