"""Who holds the key of a namespace: its operator until the owner takes it, and then only whom the owner names."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from tests.support.attesting import wait
from tests.support.nodes import add_user, commit, new_repo
from tests.support.signing import attest_key

from hanse.db import logkeys
from hanse.errors import BadFormat, BadRepoId, BadSignature, Conflict, HanseError, NotAllowed, NotAuthenticated
from hanse.flows.attach import owner_keys
from hanse.flows.node import Node
from hanse.flows.ownerkeys import CLOCK_SECONDS, Voucher, handover_leaf, register_owner
from hanse.flows.publish import PutBytes
from hanse.keys.files import FileSigner, generate
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import Sha256
from hanse.model.key_leaf import handover_bytes
from hanse.model.publickey import Scheme


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite: rows are proved on both catalogues elsewhere."""
    return lite


def _voucher(node: Node, old: FileSigner, new: FileSigner, *, time: int | None = None, name: str = "alice") -> Voucher:
    bare = Voucher(node.clock.now() if time is None else time, Sha256(old.public.fingerprint), "")
    sig = old.sign(handover_bytes(handover_leaf(node.origin, name, new.public, bare)))
    return replace(bare, sig=base64.b64encode(sig).decode())


def _holders(node: Node) -> list[tuple[str, str]]:
    with node.db.read() as conn:
        # Keys of one second come in the order of their fingerprints.
        return sorted((row.holder, row.state) for row in logkeys.of_use(conn, "namespace", "alice"))


def test_the_owner_takes_over_from_the_operator(node: Node, alice: Actor) -> None:
    """The operator's key vouches for the first one of the owner; from then on the operator's answers no more."""
    commit(node, alice, new_repo(node, alice, "alice/m"), PutBytes("a", b"1"))
    assert owner_keys(node, "alice") == []
    key = attest_key()
    register_owner(node, alice, "Alice", key.public)
    wait(node)
    assert owner_keys(node, "ALICE") == [key.public]
    assert _holders(node) == [("operator", "retired"), ("owner", "active")]


def test_a_fresh_namespace(node: Node, alice: Actor) -> None:
    """Before anything is public the owner's key is the first of all."""
    key = attest_key()
    register_owner(node, alice, "alice", key.public)
    commit(node, alice, new_repo(node, alice, "alice/m"), PutBytes("a", b"1"))
    wait(node)
    assert _holders(node) == [("owner", "active")]


def test_the_owner_names_the_next_key(node: Node, alice: Actor) -> None:
    """A further key needs the signature of the present one, over these very words, now; the account alone is not enough."""
    first, second, thief = attest_key(), attest_key(), attest_key()
    register_owner(node, alice, "alice", first.public)
    good = _voucher(node, first, second)
    late = _voucher(node, first, second, time=node.clock.now() - CLOCK_SECONDS - 1)
    refused: list[tuple[Voucher | None, type[HanseError]]] = [
        (None, NotAllowed),
        (_voucher(node, thief, second), NotAllowed),
        (replace(good, sig=_voucher(node, thief, second).sig), BadSignature),
        (replace(good, sig=_voucher(node, first, thief).sig), BadSignature),
        (replace(good, sig=_voucher(node, first, second, name="bob").sig), BadSignature),
        (replace(good, time=good.time + 1), BadSignature),
        (late, BadFormat),
        (replace(good, sig="?"), HanseError),
    ]
    for voucher, error in refused:
        with pytest.raises(error):
            register_owner(node, alice, "alice", second.public, voucher)
    with pytest.raises(Conflict):
        register_owner(node, alice, "alice", first.public, good)
    register_owner(node, alice, "alice", second.public, good)
    wait(node)
    assert owner_keys(node, "alice") == [second.public]
    with pytest.raises(HanseError):
        register_owner(node, alice, "alice", second.public, good)


def test_only_those_who_administer_it(node: Node, alice: Actor, bob: Actor) -> None:
    """Strangers, read tokens and names that nobody has get no key registered; nor does a key that attests nothing."""
    key = attest_key().public
    with pytest.raises(NotAuthenticated):
        register_owner(node, ANONYMOUS, "alice", key)
    for actor in (bob, replace(alice, role="read")):
        with pytest.raises(NotAllowed):
            register_owner(node, actor, "alice", key)
    with pytest.raises(NotAllowed):
        register_owner(node, add_user(node, "root", admin=True), "nobody", key)
    with pytest.raises(BadRepoId):
        register_owner(node, alice, "a/b", key)
    with pytest.raises(BadFormat):
        register_owner(node, alice, "alice", generate(Scheme.ED25519).public)
    assert owner_keys(node, "alice") == []
