"""Keys change in a way that readers can follow, whatever crashes in between."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.nodes import MAIN, add_user, commit

from hanse.app import opened_node
from hanse.db import leaves, logkeys
from hanse.errors import BadRepoId, BadSetting, Conflict, NotAllowed, NotFoundError, StorageError
from hanse.flows import keychanges
from hanse.flows.keyleaves import queue_key_leaf, register_keys, require_current
from hanse.flows.keyring import ML_DSA, USES, Custody, default_path
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import create_repo
from hanse.keys.files import generate, put_new, read_key
from hanse.model.digest import Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.leaf import parse_leaf
from hanse.model.publickey import PublicKey, Scheme
from hanse.model.ref_leaf import RefLeaf, signed_bytes
from hanse.model.repo import RepoId, RepoType, Visibility
from hanse.settings import load
from hanse.tlog.replay import Replay


@contextmanager
def started(home: Path, **flags: object) -> Iterator[Node]:
    """Start the node in a home folder as `hanse serve` does, for the length of a `with` block."""
    with opened_node(load({"scan": "off", **flags}, {"HANSE_HOME": str(home)})) as node:
        yield node


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """Return the home folder of a node that has a public repository of alice."""
    with started(tmp_path) as node:
        push(node, "alice/m")
    return tmp_path


def push(node: Node, path: str) -> None:
    """Commit a file to a public repository, made if it is not there."""
    namespace, _, name = path.partition("/")
    repo = RepoId(node.origin, RepoType.MODEL, namespace, name)
    actor = add_user(node, namespace)
    made = create_repo(node, actor, repo, Visibility.PUBLIC)
    commit(node, actor, made, PutBytes("a.txt", name.encode()), ref=MAIN)


def key_leaves(node: Node) -> list[KeyLeaf]:
    """Return all key leaves, queued or in the log, in order."""
    with node.db.read() as conn:
        rows = leaves.sequenced(conn, 0, 1000) + leaves.waiting(conn, 1000)
    return [leaf for row in rows if isinstance(leaf := parse_leaf(row.leaf), KeyLeaf)]


def newest_ref(node: Node) -> RefLeaf:
    """Return the newest leaf of a ref in the log."""
    with node.db.read() as conn:
        found = [parse_leaf(row.leaf) for row in leaves.sequenced(conn, 0, 1000)]
    return [leaf for leaf in found if isinstance(leaf, RefLeaf)][-1]


def replayed(node: Node) -> Replay:
    """Return the node's log as a reader replays it."""
    replay = Replay.start(node.origin)
    replay.append(node.log.leaves(0, node.log.size))
    return replay


def custody(home: Path) -> tuple[Path, Custody]:
    """Return data folder and custody of a node whose keys are files."""
    return home / "node", Custody()


def test_rotation_of_every_key(home: Path) -> None:
    """Old keys vouch for new ones, one leaf for each and one for each namespace; the next start uses the new ones."""
    data, kept = custody(home)
    with started(home) as node:
        old = {use: node.keys.of(use).public for use in USES}
        done = {use: keychanges.rotate(node, data, kept, use) for use in USES}
        said = key_leaves(node)[-6:]
    assert [(leaf.op, leaf.use.value, leaf.namespace) for leaf in said] == [
        *((KeyOp.TRANSFER, use, None) for use in USES),
        (KeyOp.TRANSFER, "namespace", "alice"),
    ]
    for leaf in said:
        use = "ref" if leaf.use is KeyUse.NAMESPACE else leaf.use.value
        assert (leaf.by, leaf.key) == (old[use].fingerprint, done[use].new.fingerprint)
        old[use].verify(base64.b64decode(leaf.sig), handover_bytes(leaf))
    assert done["ref"].namespaces == ("alice",)
    with started(home) as node:
        assert {use: node.keys.of(use).public for use in USES} == {use: one.new for use, one in done.items()}
        push(node, "alice/second")
        newest = newest_ref(node)
        assert newest.key == done["ref"].new.fingerprint
        done["ref"].new.verify(base64.b64decode(newest.sig), signed_bytes(newest))
        assert len(key_leaves(node)) == 12
    for use, one in done.items():
        assert one.kept is not None
        assert read_key(one.kept).public == old[use]


def test_a_process_with_the_old_key(home: Path) -> None:
    """A process that was not restarted signs no further positions, and says what to do."""
    data, kept = custody(home)
    with started(home) as node:
        keychanges.rotate(node, data, kept, "ref")
        with pytest.raises(StorageError, match="is retired") as refusal:
            push(node, "alice/second")
        assert "restart" in refusal.value.hint
    with started(home) as node:
        push(node, "alice/third")


def test_a_commit_and_a_rotation_take_turns(node: Node) -> None:
    """While a commit is being queued its key cannot be ended, so no leaf comes behind the one that ends its key."""
    ended, queued = threading.Event(), []

    def end_key() -> None:
        key = Sha256(node.keys.ref.public.fingerprint)
        with node.db.write() as conn:
            queued.append(queue_key_leaf(conn, KeyLeaf(0, node.origin, KeyOp.RETIRE, KeyUse.REF, key)))
        ended.set()

    with node.db.write() as conn:
        require_current(node, conn, KeyUse.REF)
        other = threading.Thread(target=end_key)
        other.start()
        assert not ended.wait(0.2)
        witness = Sha256(node.keys.witness.public.fingerprint)
        ours = queue_key_leaf(conn, KeyLeaf(0, node.origin, KeyOp.RETIRE, KeyUse.WITNESS, witness))
    other.join(120)
    assert queued[0] > ours
    with node.db.write() as conn, pytest.raises(StorageError, match="is retired"):
        require_current(node, conn, KeyUse.REF)


def test_two_rotations_at_once(home: Path) -> None:
    """The second of two rotations from the same old key is refused: a retired key vouches for nothing."""
    data, kept = custody(home)
    with started(home) as node:
        keychanges.rotate(node, data, kept, "attest")
        before = len(key_leaves(node))
        with pytest.raises(StorageError, match="in force"):
            keychanges.rotate(node, data, kept, "attest")
        assert len(key_leaves(node)) == before


@pytest.mark.parametrize("crash", ["before the log", "after the log", "between the files"])
def test_crashes(home: Path, crash: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation that was cut short is as if it had not begun, or is completed by the next start."""
    data, kept = custody(home)
    path = default_path(data, "attest")
    with started(home) as node:
        old = node.keys.attest.public
        target = "queue_key_leaf" if crash == "before the log" else "put_in_place"
        monkeypatch.setattr(keychanges, target, _die)
        with pytest.raises(RuntimeError):
            keychanges.rotate(node, data, kept, "attest")
        monkeypatch.undo()
        new = read_key(path.with_name("attest.key.next")).public
        if crash == "between the files":
            path.with_name(f"attest.key.{old.fingerprint[:16]}").hardlink_to(path)
    with started(home) as node:
        assert node.keys.attest.public == (old if crash == "before the log" else new)
        with node.db.write() as conn:
            require_current(node, conn, KeyUse.ATTEST)
    if crash == "before the log":
        with started(home) as node:
            assert keychanges.rotate(node, data, kept, "attest").new == new
    assert read_key(path.with_name(f"attest.key.{old.fingerprint[:16]}")).public == old
    assert read_key(path).public == new


def _die(*_arguments: object) -> None:
    raise RuntimeError


def test_a_key_that_was_swapped(home: Path) -> None:
    """A node whose key file is another one than the log knows does not start; said to be lost, readers see no voucher."""
    data, _ = custody(home)
    path = default_path(data, "ref")
    old = read_key(path).public
    path.unlink()
    with pytest.raises(StorageError, match="not the one that the log knows") as refusal, started(home):
        pass
    assert "--lost" in refusal.value.hint
    fresh = read_key(path).public
    settings = load({"scan": "off"}, {"HANSE_HOME": str(home)})
    with opened_node_beside(settings) as node:
        done = keychanges.replace_lost(node, "ref")
    assert (done.old, done.new, done.namespaces) == (old.fingerprint, fresh, ("alice",))
    with started(home) as node:
        said = [(leaf.op, leaf.use.value, leaf.by) for leaf in key_leaves(node)[-4:]]
        assert said == [(op, use, "") for use in ("ref", "namespace") for op in (KeyOp.ADD, KeyOp.RETIRE)]
        push(node, "alice/second")
        with pytest.raises(Conflict, match="in force"):
            keychanges.replace_lost(node, "ref")


@contextmanager
def opened_node_beside(settings: object) -> Iterator[Node]:
    """Open the node as commands beside it do."""
    from hanse.cli.upkeep import tended

    with tended(settings) as node:  # type: ignore[arg-type]
        yield node


def test_keys_kept_elsewhere(home: Path, tmp_path: Path) -> None:
    """A key moves to another place, from there to a third one, and never back by mistake."""
    data, kept = custody(home)
    places = [str(tmp_path / f"{number}.pem") for number in range(3)]
    for place in places[:2]:
        put_new(Path(place), generate(Scheme.ECDSA_P256).pem())
    put_new(Path(places[2]), generate(Scheme.ED25519).pem())
    with started(home) as node:
        with pytest.raises(BadSetting, match="must be ecdsa-p256"):
            keychanges.rotate(node, data, kept, "attest", to=places[2])
        done = keychanges.rotate(node, data, kept, "attest", to=places[0])
        assert done.kept is None
    with pytest.raises(StorageError, match="is retired"), started(home):
        pass
    with started(home, key_attest=places[0]) as node:
        assert node.keys.attest.public == done.new
        elsewhere = Custody({"attest": places[0]})
        with pytest.raises(BadSetting, match="kept in"):
            keychanges.rotate(node, data, elsewhere, "attest")
        with pytest.raises(Conflict, match="already"):
            keychanges.rotate(node, data, elsewhere, "attest", to=places[0])
        keychanges.rotate(node, data, elsewhere, "attest", to=places[1])
    with started(home, key_attest=places[1]):
        pass


def test_distrust(home: Path) -> None:
    """A stolen key is distrusted after an index of the log, but not while the node signs with it, nor from beyond the log.

    Unless it is meant, not from before its successor either: that would count for nothing, and nothing in a log is taken back.
    """
    data, kept = custody(home)
    with started(home) as node:
        old = node.keys.ref.public
        with pytest.raises(NotAllowed, match="signs with"):
            keychanges.distrust(node, old.fingerprint, 0)
        keychanges.rotate(node, data, kept, "ref")
    with started(home) as node:
        for key in ("", "1" * 64, old.fingerprint[:7]):
            with pytest.raises(NotFoundError):
                keychanges.distrust(node, key, 0)
        for after in (-1, node.log.size):
            with pytest.raises(BadSetting, match="--after"):
                keychanges.distrust(node, old.fingerprint, after)
        with pytest.raises(Conflict, match="vouched for another one"):
            keychanges.distrust(node, old.fingerprint, 3)
        leaf = keychanges.distrust(node, old.fingerprint[:12], 3, successors=True)
        assert (leaf.op, leaf.key, leaf.after) == (KeyOp.DISTRUST, old.fingerprint, 3)
        assert key_leaves(node)[-1] == leaf
        with node.db.read() as conn:
            rows = [row for row in logkeys.every(conn) if row.key == old.fingerprint]
        assert {(row.use, row.state) for row in rows} == {("ref", "distrusted"), ("namespace", "distrusted")}


def test_hand_over(home: Path) -> None:
    """A namespace goes to its owner's key with the node's word, and on and back only with the owner's."""
    owner, second = generate(Scheme.ECDSA_P256), generate(Scheme.ECDSA_P256)
    with started(home) as node:
        node_key = node.keys.ref
        leaf = keychanges.hand_over(node, "Alice", owner.public, Holder.OWNER)
        assert (leaf.op, leaf.namespace, leaf.holder, leaf.by) == (
            KeyOp.TRANSFER,
            "alice",
            Holder.OWNER,
            node_key.public.fingerprint,
        )
        node_key.public.verify(base64.b64decode(leaf.sig), handover_bytes(leaf))
        with pytest.raises(NotAllowed, match="does not answer"):
            keychanges.hand_over(node, "alice", second.public, Holder.OWNER)
        with pytest.raises(Conflict):
            keychanges.hand_over(node, "alice", owner.public, Holder.OWNER, owner)
        assert keychanges.hand_over(node, "alice", second.public, Holder.OWNER, owner).by == owner.public.fingerprint
        back = keychanges.hand_over(node, "alice", node_key.public, Holder.OPERATOR, second)
        second.public.verify(base64.b64decode(back.sig), handover_bytes(back))
        push(node, "alice/second")
        with pytest.raises(BadRepoId):
            keychanges.hand_over(node, "no/name", owner.public, Holder.OWNER)


def test_a_namespace_that_has_nothing_yet(home: Path) -> None:
    """Before anything public is in a namespace, its owner's key is simply the first; the node registers none beside it."""
    owner = generate(Scheme.ECDSA_P256)
    with started(home) as node:
        leaf = keychanges.hand_over(node, "carol", owner.public, Holder.OWNER)
        assert (leaf.op, leaf.by) == (KeyOp.ADD, "")
        push(node, "carol/m")
        assert [one.key for one in key_leaves(node) if one.namespace == "carol"] == [owner.public.fingerprint]


def test_signatures_of_hand_overs_are_over_the_whole_leaf(home: Path) -> None:
    """A hand-over for one log, namespace or key is none for another one."""
    owner = generate(Scheme.ECDSA_P256)
    with started(home) as node:
        leaf = keychanges.hand_over(node, "alice", owner.public, Holder.OWNER)
        key = PublicKey.from_der(node.keys.ref.public.der)
    for lie in ({"namespace": "bob"}, {"time": leaf.time + 1}, {"holder": Holder.OPERATOR}):
        assert handover_bytes(replace(leaf, **lie)) != handover_bytes(leaf)
    key.verify(base64.b64decode(leaf.sig), handover_bytes(leaf))


def test_the_second_key_of_a_witness(home: Path) -> None:
    """Its witness key vouches for it, once; it ends with that key, and the next start makes another one."""
    data, kept = custody(home)
    with started(home, witness_ml_dsa=True) as node:
        first = node.keys.of(ML_DSA).public
        leaf = key_leaves(node)[-1]
        assert (leaf.op, leaf.use, leaf.key) == (KeyOp.ADD, KeyUse.WITNESS, first.fingerprint)
        assert leaf.by == node.keys.witness.public.fingerprint
        node.keys.witness.public.verify(base64.b64decode(leaf.sig), handover_bytes(leaf))
        with pytest.raises(NotAllowed, match="signs with"):
            keychanges.distrust(node, first.fingerprint, 0)
    with started(home) as node:
        assert node.keys.witness_ml_dsa is None
    with started(home, witness_ml_dsa=True) as node:
        assert node.keys.of(ML_DSA).public == first
        assert key_leaves(node)[-1] == leaf
        keychanges.rotate(node, data, kept, "witness")
        with pytest.raises(StorageError, match="is retired"):
            register_keys(node)
    with started(home, witness_ml_dsa=True) as node:
        second = key_leaves(node)[-1]
        assert second.key == node.keys.of(ML_DSA).public.fingerprint != first.fingerprint
        assert second.by == node.keys.witness.public.fingerprint
        push(node, "alice/later")
        replay = replayed(node)
    assert not replay.alarms
    assert [one.key for one in replay.keyring.tenures(KeyUse.WITNESS) if one.until is None] == [second.by, second.key]


def test_a_lost_second_key(home: Path) -> None:
    """A new file in its place is vouched for by the witness key, and the lost one ends; so it does where both are lost."""
    with started(home, witness_ml_dsa=True) as node:
        lost = node.keys.of(ML_DSA).public.fingerprint
    (home / "node" / "keys" / f"{ML_DSA}.key").unlink()
    with started(home, witness_ml_dsa=True) as node:
        assert [(leaf.op, leaf.use) for leaf in key_leaves(node)[-2:]] == [
            (op, KeyUse.WITNESS) for op in (KeyOp.ADD, KeyOp.RETIRE)
        ]
        assert key_leaves(node)[-1].key == lost
        second = node.keys.of(ML_DSA).public.fingerprint
    for name in ("witness", ML_DSA):
        (home / "node" / "keys" / f"{name}.key").unlink()
    with opened_node_beside(load({"scan": "off"}, {"HANSE_HOME": str(home)})) as node:
        keychanges.replace_lost(node, "witness")
    with started(home, witness_ml_dsa=True) as node:
        said = key_leaves(node)
        assert [leaf.op for leaf in said[-4:]] == [KeyOp.ADD, KeyOp.RETIRE, KeyOp.RETIRE, KeyOp.ADD]
        assert said[-2].key == second
        push(node, "alice/later")
        assert len(replayed(node).alarms) == 1
