"""What has settled is signed by the node itself, once, from what is known of the files."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.attesting import attest_all
from tests.support.nodes import MAIN, commit, new_repo

from hanse.db import attestations, leaves, notices, repos
from hanse.db.attestations import Attestation
from hanse.db.repos import Repo
from hanse.db.repository_scans import Head
from hanse.errors import StorageError
from hanse.flows import attest as flow
from hanse.flows import bundles, keychanges
from hanse.flows.attest import attest_head
from hanse.flows.keyring import Custody, open_keyring
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, Published, PutBytes
from hanse.flows.refs import create_tag, super_squash
from hanse.flows.repos import delete_repo, move_repo, set_visibility
from hanse.model.actor import Actor
from hanse.model.conceal import conceal_value
from hanse.model.leaf import parse_leaf
from hanse.model.repo import RepoId, RepoType, Visibility
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import parse_bundle_json, verify_bundle
from hanse.sign.oms import parse_manifest
from hanse.sign.statement import OMS
from hanse.store.keys import ATTESTATIONS, attestation_key
from hanse.tlog.map import MerkleMap, tree_key, tree_value

WEIGHTS = b"weights" * 10_000


def _rows(node: Node, repo: Repo, rev: str) -> list[Attestation]:
    with node.db.read() as conn:
        return attestations.of_revision(conn, repo.id, rev)


def _leaf(node: Node, row: Attestation) -> AttestLeaf:
    with node.db.read() as conn:
        pending = leaves.get(conn, row.leaf_id)
    assert pending is not None
    node.sequencer.wait(row.leaf_id, 10)
    leaf = parse_leaf(pending.leaf)
    assert isinstance(leaf, AttestLeaf)
    return leaf


def _publish(
    node: Node, actor: Actor, name: str = "alice/m", visibility: Visibility = Visibility.PUBLIC
) -> tuple[Repo, Published]:
    repo = new_repo(node, actor, name, visibility)
    return repo, commit(node, actor, repo, PutBytes("a.bin", WEIGHTS), PutBytes("sub/b.txt", b"b"))


def test_the_manifest_says_what_the_revision_is(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle verifies under the node's key, lists every file, and `tree` follows from it; not a byte of a file is read."""
    repo, made = _publish(node, alice)
    monkeypatch.setattr("hanse.flows.index.open_file", lambda *_: pytest.fail("a file was opened"))
    assert attest_all(node) == 1
    (row,) = _rows(node, repo, made.rev)
    key = node.keys.attest.public
    verified = verify_bundle(parse_bundle_json(bundles.read(node.store, row.payload, row.key)), key)
    manifest = parse_manifest(verified)
    assert (manifest.repo, manifest.rev, manifest.tree) == (repo.repo, made.rev, made.tree)
    assert [one.path for one in manifest.files] == [".gitattributes", "a.bin", "sub/b.txt"]
    puts = [(tree_key(one.path), tree_value(one.size or 0, one.sha256, one.xet)) for one in manifest.files if one.xet]
    assert MerkleMap.empty().apply(puts).root.hex() == made.tree
    leaf = _leaf(node, row)
    assert (leaf.rev, leaf.tree, leaf.repo, leaf.key, leaf.predicate) == (made.rev, made.tree, "alice/m", key.fingerprint, OMS)
    assert (leaf.payload.sha256, leaf.payload.size) == (hashlib.sha256(verified.payload).hexdigest(), len(verified.payload))
    assert attest_all(node) == 0


def test_only_what_settled(node: Node, alice: Actor) -> None:
    """A branch is signed once it rested, a tag at once, what was passed over never; an empty revision has nothing to sign."""
    repo, first = _publish(node, alice)
    node.clock.time += 30  # type: ignore[attr-defined]
    second = commit(node, alice, repo, PutBytes("c.txt", b"c"))
    assert attest_all(node, rest=60) == 0
    create_tag(node, alice, repo, "v1", "main")
    assert attest_all(node, rest=60) == 1
    assert (len(_rows(node, repo, second.rev)), _rows(node, repo, first.rev)) == (1, [])
    third = commit(
        node, alice, repo, DeleteFile("c.txt"), DeleteFile("a.bin"), DeleteFile("sub/b.txt"), DeleteFile(".gitattributes")
    )
    node.clock.time += 60  # type: ignore[attr-defined]
    attest_all(node, rest=60)
    assert _rows(node, repo, third.rev) == []


def test_leaves_of_private_repositories_say_nothing(node: Node, alice: Actor) -> None:
    """Name, commit, tree, payload, key and signature are commitments; the salt opens them."""
    repo, made = _publish(node, alice, "alice/secret", Visibility.PRIVATE)
    assert attest_all(node) == 1
    (row,) = _rows(node, repo, made.rev)
    leaf = _leaf(node, row)
    assert leaf.concealed
    assert repo.salt is not None
    assert leaf.payload.sha256 == conceal_value(repo.salt, "payload", row.payload)
    with node.db.read() as conn:
        raw = b"".join(one.leaf for one in leaves.sequenced(conn, 0, 1000) if one.repo_id == repo.id)
    for word in ("secret", "alice", made.rev, made.tree, row.payload, row.key, "a.bin"):
        assert word.encode() not in raw


def test_a_change_of_name_or_visibility_is_said_anew(node: Node, alice: Actor) -> None:
    """After it, what settled is signed or logged again under the new name, or concealed; what was said before stays."""
    repo, made = _publish(node, alice)
    attest_all(node)
    (before,) = _rows(node, repo, made.rev)
    repo = move_repo(node, alice, repo, RepoId(node.origin, RepoType.MODEL, "alice", "other"))
    assert _rows(node, repo, made.rev) == []
    assert attest_all(node) == 1
    (renamed,) = _rows(node, repo, made.rev)
    assert (renamed.payload != before.payload, _leaf(node, renamed).repo) == (True, "alice/other")
    repo = set_visibility(node, alice, repo, Visibility.PRIVATE)
    assert attest_all(node) == 1
    (hidden,) = _rows(node, repo, made.rev)
    assert (hidden.payload, hidden.sig) == (renamed.payload, renamed.sig)
    assert _leaf(node, hidden).concealed
    repo = set_visibility(node, alice, repo, Visibility.PUBLIC)
    assert attest_all(node) == 1
    (public,) = _rows(node, repo, made.rev)
    assert not _leaf(node, public).concealed
    assert len({renamed.leaf_id, hidden.leaf_id, public.leaf_id}) == 3
    with node.db.read() as conn:
        assert len(attestations.of_repo(conn, repo.id)) == 2


def test_another_key_signs_again(node: Node, alice: Actor, tmp_path: Path) -> None:
    """After a rotation the new key speaks for what has settled and the old statement stays; the old key signs nothing more."""
    repo, made = _publish(node, alice)
    attest_all(node)
    folder = tmp_path / "data-node"
    keychanges.rotate(node, folder, Custody(), "attest")
    late = commit(node, alice, repo, PutBytes("x", b"x"))
    attest_all(node)
    assert _rows(node, repo, late.rev) == []
    restarted = replace(node, keys=open_keyring(folder, Custody()))
    assert attest_all(restarted) == 1
    create_tag(node, alice, repo, "v1", made.rev)
    assert attest_all(restarted) == 1
    both = {one.keys.attest.public.fingerprint for one in (node, restarted)}
    assert {one.key for one in _rows(node, repo, made.rev)} == both
    assert len(both) == 2


def test_many_processes_sign_once(node: Node, alice: Actor) -> None:
    """Whoever does it at the same time, there is one row, one leaf and one signature."""
    repo, made = _publish(node, alice)
    head = Head(repo.id, MAIN, made.rev)
    with ThreadPoolExecutor(4) as pool:
        queued = [one for one in pool.map(lambda _: attest_head(node, head), range(8)) if one is not None]
    assert len(queued) == 1
    (row,) = _rows(node, repo, made.rev)
    assert row.leaf_id == queued[0]
    data = bundles.read(node.store, row.payload, row.key)
    assert parse_bundle_json(data).envelope.signature == row.sig


def test_a_crash_in_between_is_gone_on_with(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after the bundle was stored, the next round enters that very bundle."""
    repo, made = _publish(node, alice)
    with monkeypatch.context() as patch:
        patch.setattr(flow, "enter", lambda *_: (_ for _ in ()).throw(StorageError("the power went")))
        assert attest_all(node) == 1
    (stored,) = node.store.list(ATTESTATIONS)
    assert _rows(node, repo, made.rev) == []
    assert attest_all(node) == 1
    (row,) = _rows(node, repo, made.rev)
    assert stored == attestation_key(row.payload, row.key)
    assert list(node.store.list(ATTESTATIONS)) == [stored]


def test_what_is_gone_meanwhile_is_not_entered(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository renamed, hidden or deleted while its revision is signed gets no leaf under what it was before."""
    repo, made = _publish(node, alice)
    head = Head(repo.id, MAIN, made.rev)
    real = bundles.sign

    def renaming(*arguments: object) -> object:
        move_repo(node, alice, repo, RepoId(node.origin, RepoType.MODEL, "alice", "other"))
        return real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(bundles, "sign", renaming)
        assert attest_head(node, head) is None
    assert _rows(node, repo, made.rev) == []
    with node.db.read() as conn:
        renamed = repos.get(conn, repo.id)
    assert renamed is not None
    delete_repo(node, alice, renamed)
    assert attest_head(node, head) is None
    assert attest_all(node) == 0


def test_notices_come_with_it(node: Node, alice: Actor) -> None:
    """What is worth a second look is noted against the revision that settled before on the same branch."""
    repo, _ = _publish(node, alice)
    commit(node, alice, repo, PutBytes("LICENSE", b"MIT"))
    attest_all(node)
    commit(node, alice, repo, PutBytes("LICENSE", b"none of that"))
    commit(node, alice, repo, PutBytes("x.txt", b"x"))
    made = super_squash(node, alice, repo, "main")
    attest_all(node)
    with node.db.read() as conn:
        found = notices.of_repo(conn, repo.id)
    assert {(one.rev, one.kind) for one in found} == {(made.rev, "licence-changed"), (made.rev, "history-rewritten")}
