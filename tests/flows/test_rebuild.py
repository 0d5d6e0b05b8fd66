"""A lost catalogue, made again from objects and journal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.support import world
from tests.support.attesting import attest_all, wait
from tests.support.faults import FaultyStore
from tests.support.nodes import TickingClock, add_user, commit, fresh_catalogue, make_node, model, new_repo, running
from tests.support.uploads import noise, upload

from hanse.db import revisions
from hanse.db.engine import Database
from hanse.db.schema import chunks, files, log_head, names, pending, refs, repo_files, repo_xorbs, repos, xorbs
from hanse.db.schema import revisions as revisions_table
from hanse.db.schema_trust import attestations
from hanse.errors import BadProof, Busy, Conflict, StorageError
from hanse.flows import access
from hanse.flows.collect import collect
from hanse.flows.erase import erase_repo
from hanse.flows.keyleaves import register_keys
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, PutBytes
from hanse.flows.rebuild import rebuild
from hanse.flows.refs import create_branch, create_tag, delete_branch, super_squash
from hanse.flows.repos import delete_repo, duplicate_repo, move_repo, set_copies, set_visibility
from hanse.flows.restore import restore_repo
from hanse.model.actor import Actor
from hanse.model.repo import RefName, Visibility
from hanse.store.keys import log_key, revision_key
from hanse.store.local import LocalStore


def _live_through_everything(node: Node, alice: Actor) -> None:
    """Do to a node what can be done to one."""
    one = new_repo(node, alice, "alice/One")
    big = upload(node, alice, one, "model.bin", noise(1))
    commit(node, alice, one, big, PutBytes("README.md", b"hello"), PutBytes("empty", b""))
    create_branch(node, alice, one, "dev")
    commit(node, alice, one, PutBytes("dev.txt", b"1"), ref=RefName("refs/heads/dev"))
    create_tag(node, alice, one, "v1", "main", message="the first\nof all")
    attest_all(node)
    commit(node, alice, one, DeleteFile("empty"), PutBytes("README.md", b"hello again"))
    delete_branch(node, alice, one, "dev")
    secret = new_repo(node, alice, "alice/Secret", Visibility.PRIVATE)
    commit(node, alice, secret, upload(node, alice, secret, "s.bin", noise(2)), PutBytes("a", b"1"))
    create_tag(node, alice, secret, "v1", "main", message="words")
    secret = move_repo(node, alice, secret, model("alice/Hidden"))
    commit(node, alice, secret, PutBytes("b", b"2"))
    attest_all(node)
    secret = set_visibility(node, alice, secret, Visibility.PUBLIC)
    commit(node, alice, secret, PutBytes("c", b"3"))
    secret = set_visibility(node, alice, secret, Visibility.FEDERATION)
    super_squash(node, alice, secret, "main")
    copy = duplicate_repo(node, alice, one, model("alice/Copy"), Visibility.PRIVATE)
    commit(node, alice, copy, PutBytes("d", b"4"))
    one = move_repo(node, alice, one, model("alice/two"))
    data = new_repo(node, alice, "alice/gone")
    commit(node, alice, data, PutBytes("e", b"5"))
    delete_repo(node, alice, data)
    again = new_repo(node, alice, "alice/gone")
    commit(node, alice, again, PutBytes("f", b"6"))
    set_copies(node, alice, again, allowed=True)
    withdrawn = new_repo(node, alice, "alice/withdrawn", Visibility.PRIVATE)
    commit(node, alice, withdrawn, PutBytes("g", b"7"))
    delete_repo(node, alice, withdrawn)
    for visibility in Visibility:
        _delete_and_restore(node, alice, visibility)
    attest_all(node)
    wait(node)


def _delete_and_restore(node: Node, alice: Actor, visibility: Visibility) -> None:
    repo = new_repo(node, alice, f"alice/Back-{visibility.value}", visibility)
    commit(node, alice, repo, upload(node, alice, repo, "b.bin", noise(3)), PutBytes("h", b"8"))
    create_tag(node, alice, repo, "v1", "main", message="kept")
    create_branch(node, alice, repo, "dev")
    commit(node, alice, repo, PutBytes("i", b"9"), ref=RefName("refs/heads/dev"))
    delete_branch(node, alice, repo, "dev")
    for number in range(2):
        delete_repo(node, alice, repo)
        repo = restore_repo(node, repo.id)
        commit(node, alice, repo, PutBytes("j", b"%d" % number))


def _rows(node: Node, query: Any) -> list[Any]:
    with node.db.read() as conn:
        return sorted(map(tuple, conn.execute(query)), key=repr)


def _state(node: Node) -> dict[str, list[Any]]:
    """Return what must come back, row ids replaced by names."""
    repo = (repos.c.created_at, repos.c.namespace, repos.c.name, repos.c.state)
    columns = [column for column in revisions_table.c if column.name not in ("id", "repo_id")]
    leaf = [column for column in pending.c if column.name not in ("id", "repo_id")]
    described = select(
        *repo, repos.c.visibility, repos.c.salt, repos.c.updated_at, repos.c.head, repos.c.search_text, repos.c.used_bytes
    )
    # Live and retired files are told apart when garbage is collected, and after a rebuild.
    held = select(*repo, files.c.xet).select_from(repo_files)
    said = select(*repo, pending.c.index, *[c for c in attestations.c if c.name not in ("id", "repo_id", "leaf_id")])
    said = said.select_from(attestations).join(repos, repos.c.id == attestations.c.repo_id)
    said = said.join(pending, pending.c.id == attestations.c.leaf_id)
    return {
        "repos": _rows(node, described),
        "attestations": _rows(node, said),
        "names": _rows(node, select(*repo, names.c.folded, names.c.kind).join(repos, repos.c.id == names.c.repo_id)),
        "refs": _rows(node, select(*repo, *[c for c in refs.c if c.name != "repo_id"]).join(repos, repos.c.id == refs.c.repo_id)),
        "revisions": _rows(node, select(*repo, *columns).join(repos, repos.c.id == revisions_table.c.repo_id)),
        "journal": _rows(node, select(*repo, *leaf).join(repos, repos.c.id == pending.c.repo_id)),
        "files": _rows(node, select(files.c.xet, files.c.sha256, files.c.size, files.c.terms, files.c.chunks, files.c.erased)),
        "held": _rows(node, held.join(files, files.c.id == repo_files.c.file_id).join(repos, repos.c.id == repo_files.c.repo_id)),
        "xorbs": _rows(node, select(xorbs.c.hash, xorbs.c.stored_size, xorbs.c.raw_size, xorbs.c.chunks)),
        "links": _rows(
            node,
            select(*repo, xorbs.c.hash).select_from(repo_xorbs).join(xorbs, xorbs.c.id == repo_xorbs.c.xorb_id)
            .join(repos, repos.c.id == repo_xorbs.c.repo_id),
        ),
        "chunks": _rows(node, select(chunks.c.hash, xorbs.c.hash).join(xorbs, xorbs.c.id == chunks.c.xorb_id)),
        "head": _rows(node, select(log_head.c.size, log_head.c.root, log_head.c.frontier, log_head.c.staged)),
    }  # fmt: skip


def test_everything_comes_back(database: Database, tmp_path: Path) -> None:
    """A node with a long life is the same after its catalogue was dropped and rebuilt, and goes on from there."""
    node = make_node(database, tmp_path / "data")
    with running(node):
        _live_through_everything(node, add_user(node, "alice"))
    world.check(node)
    new = make_node(fresh_catalogue(tmp_path), tmp_path / "data")
    assert rebuild(new).problems == ()
    before, after = _state(node), _state(new)
    for name in before:
        assert after[name] == before[name], name
    world.check(new)
    with running(new):
        again = add_user(new, "alice")
        for old_name in ("alice/one", "alice/secret"):
            commit(new, again, access.resolve(new, again, model(old_name)), PutBytes("new", b"8"))
    world.check(new)
    new.db.close()
    with pytest.raises(Conflict):
        rebuild(node)


def test_erased_stays_erased(database: Database, tmp_path: Path) -> None:
    """What was erased or let go does not come back: unreadable leaves have a place, missing bytes are not damage."""
    clock = TickingClock()
    node = make_node(database, tmp_path / "data", clock=clock)
    with running(node):
        alice = add_user(node, "alice")
        _live_through_everything(node, alice)
        shown = new_repo(node, alice, "alice/shown")
        commit(node, alice, shown, PutBytes("x", b"only here"))
        shown = set_visibility(node, alice, shown, Visibility.PRIVATE)
        delete_repo(node, alice, shown)
        erase_repo(node, shown.id)
    clock.time += node.limits.retention_seconds + node.limits.garbage_seconds + 2 * 86400
    collect(node)
    new = make_node(fresh_catalogue(tmp_path), tmp_path / "data", clock=clock)
    done = rebuild(new)
    assert all("record" in problem or "revision object" in problem for problem in done.problems)
    collect(new)  # bytes that others still need look as if their retired revisions were kept
    for name in ("held", "files", "xorbs", "head", "names", "refs"):
        old = [row for row in _state(node)[name] if name != "files" or not row[5]]
        assert [row for row in _state(new)[name] if "lost" not in row] == old, name
    world.check(new)
    new.db.close()


def test_staged_batch_is_completed(database: Database, tmp_path: Path) -> None:
    """A batch that was staged when the catalogue was lost becomes part of the journal."""
    data = tmp_path / "data"
    store = FaultyStore(LocalStore(data), 2)
    node = make_node(database, data, store=store)
    alice = add_user(node, "alice")
    register_keys(node)
    with pytest.raises(Busy):
        new_repo(replace(node, limits=replace(node.limits, publish_timeout_seconds=0)), alice, "alice/m")
    with pytest.raises(StorageError):
        node.sequencer.step()
    new = make_node(fresh_catalogue(tmp_path), data)
    assert rebuild(new).leaves == 9  # five keys; repository, key of its namespace, ref, snapshot
    world.check(new)
    new.db.close()


def test_damage_is_told(node: Node, alice: Actor, tmp_path: Path) -> None:
    """A missing revision object and missing bytes are told; a damaged journal refuses to be rebuilt from."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a", b"1"))
    with node.db.read() as conn:
        rows = revisions.all_of(conn, repo.id)
    kept = node.store.get(revision_key(rows[-1].object))
    node.store.delete(revision_key(rows[-1].object))
    new = make_node(fresh_catalogue(tmp_path), tmp_path / "data")
    assert any("revision object" in problem for problem in rebuild(new).problems)
    new.db.close()
    node.store.put(revision_key(rows[-1].object), kept)
    bundle = log_key(f"tile/entries/000.p/{node.log.size}")
    good = node.store.get(bundle)
    node.store.delete(bundle)
    node.store.put(bundle, good.replace(b"alice/m", b"alice/n"))
    (tmp_path / "other").mkdir()
    other = make_node(fresh_catalogue(tmp_path / "other"), tmp_path / "data")
    with pytest.raises(BadProof):
        rebuild(other)
    other.db.close()
    node.store.delete(bundle)
    node.store.put(bundle, good)
