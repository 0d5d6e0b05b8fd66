"""Erasure: no byte and no word of a withdrawn repository is left, and others keep every one of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from tests.support.attesting import attest_all
from tests.support.nodes import add_user, commit, fresh_catalogue, make_node, new_repo
from tests.support.uploads import noise, upload

from hanse.db import attestations, blobs, revisions, xorbs
from hanse.db.schema import chunks
from hanse.db.state import get_state
from hanse.errors import Conflict, NotFoundError
from hanse.flows import access
from hanse.flows.bundles import sign
from hanse.flows.collect import collect
from hanse.flows.erase import erase_repo
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.read import open_file
from hanse.flows.rebuild import rebuild
from hanse.flows.refs import create_tag
from hanse.flows.repos import delete_repo
from hanse.flows.restore import restore_repo
from hanse.model.actor import Actor
from hanse.model.repo import Visibility
from hanse.sign.statement import OMS, Statement, Subject
from hanse.store.keys import attestation_key

SECRET = b"".join(noise(seed, 300_000) for seed in (1, 2, 3))
SHARED = noise(2, 300_000)


def _read(node: Node, repo: int, path: str) -> bytes:
    with node.db.read() as conn:
        found = revisions.resolve(conn, repo, "main")
        assert found is not None
        entry = node.listings.get(node.store, found.object).directory.file(path)
        assert entry is not None
        row = blobs.find_by_xet(conn, repo, [entry.xet])[entry.xet]
    return open_file(node, row).read_at(0, row.size)


def _everything(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_only_a_deleted_repository_is_erased(node: Node, alice: Actor) -> None:
    """A live repository cannot be erased, nor one that never was."""
    repo = new_repo(node, alice, "alice/m")
    with pytest.raises(Conflict):
        erase_repo(node, repo.id)
    with pytest.raises(NotFoundError):
        erase_repo(node, 99)


def test_shared_xorbs_are_repacked(node: Node, alice: Actor, bob: Actor, tmp_path: Path) -> None:
    """A xorb that another repository's file uses in part keeps exactly these chunks, under a new name and epoch."""
    mine = new_repo(node, alice, "alice/m", Visibility.PRIVATE)
    commit(node, alice, mine, upload(node, alice, mine, "s.bin", SECRET), PutBytes("word.txt", b"a secret word"))
    create_tag(node, alice, mine, "v1", "main", message="secret message")
    # Bob's file has the middle part, found in Alice's xorb: as if it had been public when he uploaded.
    other = new_repo(node, alice, "alice/other")
    commit(node, alice, other, upload(node, alice, other, "part.bin", SHARED), PutBytes("word.txt", b"a public word"))
    with node.db.read() as conn:
        (old, *rest) = xorbs.all_xorbs(conn)
        epoch = get_state(conn).get("cas_epoch")
    assert rest, "the file of the other repository begins with a chunk of its own"
    salt = mine.salt
    assert salt is not None
    delete_repo(node, alice, mine)
    erase_repo(node, mine.id)
    assert _read(node, other.id, "part.bin") == SHARED
    assert _read(node, other.id, "word.txt") == b"a public word"
    with node.db.read() as conn:
        names = {row.hash for row in xorbs.all_xorbs(conn)}
        assert old.hash not in names
        assert get_state(conn).get("cas_epoch") != epoch
        known = {row.xorb_id for row in conn.execute(select(chunks.c.xorb_id))}
        assert known <= {row.id for row in xorbs.all_xorbs(conn)}
        assert blobs.find_by_sha256(conn, mine.id, [blobs.all_files(conn)[0].sha256]) == {}
    left = _everything(tmp_path / "data")
    for gone in (SECRET[:200], SECRET[-200:], b"a secret word", b"secret message", salt.hex().encode(), b'alice/m"'):
        assert gone not in left
    with pytest.raises(Conflict):
        erase_repo(node, mine.id)


def test_rebuild_after_repacking(node: Node, alice: Actor, tmp_path: Path) -> None:
    """Shards written again for repacked files bring these files back when the catalogue is lost."""
    mine = new_repo(node, alice, "alice/m", Visibility.PRIVATE)
    commit(node, alice, mine, upload(node, alice, mine, "s.bin", SECRET))
    other = new_repo(node, alice, "alice/other")
    commit(node, alice, other, upload(node, alice, other, "part.bin", SHARED))
    delete_repo(node, alice, mine)
    erase_repo(node, mine.id)
    new = make_node(fresh_catalogue(tmp_path), tmp_path / "data")
    assert rebuild(new).problems == ()
    found = access.resolve(new, add_user(new, "alice"), other.repo)
    assert _read(new, found.id, "part.bin") == SHARED
    new.db.close()


def test_erasing_twice_after_a_failure(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure that fails half-way is completed by doing it again; what it began cannot be restored."""
    mine = new_repo(node, alice, "alice/m", Visibility.PRIVATE)
    commit(node, alice, mine, upload(node, alice, mine, "s.bin", SECRET), PutBytes("a", b"1"))
    delete_repo(node, alice, mine)
    with monkeypatch.context() as patch:
        patch.setattr("hanse.flows.erase.garbage.own_shards", _fail)
        with pytest.raises(RuntimeError):
            erase_repo(node, mine.id)
    with pytest.raises(Conflict, match="are gone"):
        restore_repo(node, mine.id)
    erase_repo(node, mine.id)
    assert [key for family in ("xorbs/", "shards/", "revisions/") for key in node.store.list(family)] == []


def _fail(*_: object) -> None:
    raise RuntimeError


def test_erasing_a_public_repository_keeps_its_record(node: Node, alice: Actor) -> None:
    """Of a public repository the bytes go, and names and commits stay: they were public."""
    repo = new_repo(node, alice, "alice/m")
    done = commit(node, alice, repo, upload(node, alice, repo, "s.bin", SECRET))
    delete_repo(node, alice, repo)
    erase_repo(node, repo.id)
    with node.db.read() as conn:
        found = revisions.get(conn, repo.id, done.rev)
    assert found is not None
    assert (found.state, found.title) == ("erased", "change")
    assert list(node.store.list("xorbs/")) == []


def test_what_was_signed_goes_with_a_private_repository(node: Node, alice: Actor) -> None:
    """Bundles name files: those of a private repository are erased with it, entered or not; those of others stay."""
    mine, other = new_repo(node, alice, "alice/m", Visibility.PRIVATE), new_repo(node, alice, "alice/other")
    for repo in (mine, other):
        commit(node, alice, repo, PutBytes("a", b"1"))
    attest_all(node)
    shared = list(node.store.list("attestations/"))
    assert len(shared) == 2
    delete_repo(node, alice, mine)
    erase_repo(node, mine.id)
    (kept,) = node.store.list("attestations/")
    with node.db.read() as conn:
        assert attestations.of_repo(conn, mine.id) == []
        (row,) = attestations.of_repo(conn, other.id)
    assert kept == attestation_key(row.payload, row.key)
    delete_repo(node, alice, other)
    erase_repo(node, other.id)
    with node.db.read() as conn:
        assert attestations.of_repo(conn, other.id) == [row]
    assert list(node.store.list("attestations/")) == [kept]


def test_bundles_that_nobody_entered_go(node: Node, alice: Actor) -> None:
    """What was signed just before a crash, or before its repository changed, is collected; what is entered stays."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a", b"1"))
    attest_all(node)
    sign(node.store, Statement((Subject("x", {"sha256": "a" * 64}),), OMS, {}), node.keys.attest)
    assert len(list(node.store.list("attestations/"))) == 2
    assert collect(node).bundles == 1
    assert len(list(node.store.list("attestations/"))) == 1
    assert collect(node).bundles == 0
