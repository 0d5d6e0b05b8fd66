"""Keys in the log: registered before they sign, once, and not for names that nobody may know."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from pathlib import Path

from tests.support.nodes import ORIGIN, add_user, commit, make_node, new_repo, running

from hanse.db import logkeys
from hanse.db.engine import Database
from hanse.flows.keyleaves import note_key_leaf, queue_key_leaf, register_keys, register_namespace
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.keys.files import generate
from hanse.model.actor import Actor
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse
from hanse.model.leaf import parse_leaf
from hanse.model.publickey import Scheme
from hanse.model.ref_leaf import RefLeaf, signed_bytes
from hanse.model.repo import Visibility


def _leaves(node: Node) -> list[object]:
    return [parse_leaf(data) for data in node.log.leaves(0, node.log.size)]


def _keys(node: Node) -> list[tuple[KeyUse, str | None]]:
    return [(leaf.use, leaf.namespace) for leaf in _leaves(node) if isinstance(leaf, KeyLeaf)]


def test_first_leaves_are_the_node_s_keys(node: Node, alice: Actor) -> None:
    """A node's log begins with its five keys, each as the key file has it, and a second start adds none."""
    register_keys(node)
    new_repo(node, alice, "alice/m")
    found = [leaf for leaf in _leaves(node) if isinstance(leaf, KeyLeaf)]
    assert [leaf.use.value for leaf in found] == ["log", "witness", "mirror", "attest", "ref", "namespace"]
    assert [leaf.public for leaf in found[:5]] == [node.keys.of(leaf.use.value).public for leaf in found[:5]]
    assert isinstance(_leaves(node)[4], KeyLeaf)


def test_namespace_is_registered_before_its_first_public_ref(node: Node, alice: Actor) -> None:
    """The key of a namespace comes right before its first ref in clear, once; private repositories do not tell namespaces."""
    new_repo(node, alice, "alice/secret", Visibility.PRIVATE)
    assert (KeyUse.NAMESPACE, "alice") not in _keys(node)
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a", b"1"))
    new_repo(node, alice, "alice/n")
    assert _keys(node).count((KeyUse.NAMESPACE, "alice")) == 1
    kinds = [leaf.namespace if isinstance(leaf, KeyLeaf) else getattr(leaf, "ref", "") for leaf in _leaves(node)]
    assert kinds.index("alice") < kinds.index("refs/heads/main")


def test_every_ref_leaf_is_signed(node: Node, alice: Actor) -> None:
    """Ref leaves, concealed ones as they are written, carry the signature of the node's key for refs."""
    for name, visibility in (("alice/m", Visibility.PUBLIC), ("alice/s", Visibility.PRIVATE)):
        commit(node, alice, new_repo(node, alice, name, visibility), PutBytes("a", b"1"))
    found = [leaf for leaf in _leaves(node) if isinstance(leaf, RefLeaf)]
    assert len(found) == 4
    for leaf in found:
        assert leaf.key == node.keys.ref.public.fingerprint
        node.keys.ref.public.verify(base64.b64decode(leaf.sig), signed_bytes(leaf))


def test_processes_register_a_namespace_once(database: Database, tmp_path: Path) -> None:
    """Several processes that publish the first refs of a namespace together register its key once, before any of them."""
    nodes = [make_node(database, tmp_path / "data") for _ in range(3)]
    alice = add_user(nodes[0], "alice")
    with running(nodes[0]), running(nodes[1]), running(nodes[2]):
        threads = [threading.Thread(target=new_repo, args=(node, alice, f"alice/m{at}")) for at, node in enumerate(nodes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert _keys(nodes[0]).count((KeyUse.NAMESPACE, "alice")) == 1
    kinds = [leaf.namespace if isinstance(leaf, KeyLeaf) else getattr(leaf, "ref", "") for leaf in _leaves(nodes[0])]
    assert kinds.index("alice") < kinds.index("refs/heads/main")


def _owner() -> KeyLeaf:
    """Return the leaf that registers a fresh key of the owner of a namespace."""
    public = generate(Scheme.ECDSA_P256).public
    return KeyLeaf(7, ORIGIN, KeyOp.ADD, KeyUse.NAMESPACE, public.fingerprint, public.text, "acme", Holder.OWNER)


def test_owner_held_namespace_gets_no_key_of_the_node(node: Node) -> None:
    """Where the owner holds the key of a namespace, the node registers none of its own there."""
    with node.db.write() as conn:
        queue_key_leaf(conn, _owner())
        register_namespace(node, conn, "Acme")
        assert [key.holder for key in logkeys.of_use(conn, "namespace", "acme")] == ["owner"]


def test_states_follow_the_leaves(node: Node) -> None:
    """A hand-over ends the keys before it, a retirement its own use, a distrust all uses of a key."""
    first = _owner()
    second = replace(_owner(), op=KeyOp.TRANSFER, by=first.key, sig="AAAA")
    retired = KeyLeaf(8, ORIGIN, KeyOp.RETIRE, KeyUse.NAMESPACE, second.key, namespace="acme")
    distrusted = KeyLeaf(9, ORIGIN, KeyOp.DISTRUST, KeyUse.NAMESPACE, first.key, after=3)
    seen = []
    with node.db.write() as conn:
        for leaf in (first, second, retired, distrusted):
            note_key_leaf(conn, leaf)
            states = {key.key: key.state for key in logkeys.of_use(conn, "namespace", "acme")}
            seen.append([states.get(first.key), states.get(second.key)])
    assert seen == [["active", None], ["retired", "active"], ["retired", "retired"], ["distrusted", "retired"]]
