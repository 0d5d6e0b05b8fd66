"""A log from before nodes had keys: kept byte for byte, and continued signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.support import world
from tests.support.nodes import add_user, commit, fresh_catalogue, make_node, model, new_repo

from hanse.db.engine import Database
from hanse.db.schema import refs, repos
from hanse.flows import access, chains, keyleaves
from hanse.flows.keyleaves import register_keys
from hanse.flows.logstate import LogState, Prepared
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.rebuild import rebuild
from hanse.flows.refs import create_branch, create_tag, delete_branch
from hanse.flows.signing import sign_chains
from hanse.model.leaf import parse_leaf
from hanse.model.publickey import Signer
from hanse.model.ref_leaf import RefLeaf
from hanse.model.repo import Visibility


def _unsigned(leaf: RefLeaf, _signer: Signer) -> RefLeaf:
    return replace(leaf, key="", sig="")


@pytest.fixture(name="old")
def _old(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Return a node whose log holds only what was written before there were keys; its sequencer runs."""
    whole = LogState.prepare

    def prepare(self: LogState, start: int, entries: Sequence[bytes], now: int) -> Prepared:
        return replace(whole(self, start, entries, now), leaves=tuple(entries), snapshot=None)

    node = make_node(database, tmp_path / "data")
    with monkeypatch.context() as patch:
        patch.setattr(chains, "sign_ref", _unsigned)
        patch.setattr(keyleaves, "register_namespace", lambda *_: None)
        patch.setattr(keyleaves, "require_current", lambda *_: None)
        patch.setattr(LogState, "prepare", prepare)
        node.sequencer.start()
        alice = add_user(node, "alice")
        for name, visibility in (("alice/m", Visibility.PUBLIC), ("alice/s", Visibility.PRIVATE)):
            repo = new_repo(node, alice, name, visibility)
            commit(node, alice, repo, PutBytes("a", b"1"))
            create_tag(node, alice, repo, "v1", "main", message="words")
            create_branch(node, alice, repo, "dev")
            delete_branch(node, alice, repo, "dev")
        node.sequencer.stop()
    assert all('"sig"' not in data.decode() and b"snapshot" not in data for data in node.log.leaves(0, node.log.size))
    node.sequencer.start()
    yield node
    node.sequencer.stop()
    world.check(node)


def _start(node: Node) -> int:
    """Do what the first start with keys does, and wait until it is in the log."""
    register_keys(node)
    count = sign_chains(node)
    alice = add_user(node, "alice")
    new_repo(node, alice, f"alice/after-{node.log.size}")
    return count


def _refs(node: Node) -> list[tuple[object, ...]]:
    columns = [refs.c.ref, refs.c.rev, refs.c.tree, refs.c.message, refs.c.updated_at, repos.c.updated_at]
    with node.db.read() as conn:
        found = conn.execute(select(repos.c.name, *columns).join(repos, repos.c.id == refs.c.repo_id)).all()
    return sorted(tuple(row) for row in found if not row[0].startswith("after"))


def test_each_live_ref_goes_on_with_one_signed_leaf(old: Node) -> None:
    """What was written stays; every live ref, no deleted one, says the same once more, signed, behind its last leaf."""
    before, said = old.log.leaves(0, old.log.size), _refs(old)
    assert _start(old) == 4
    assert _refs(old) == said
    after = [parse_leaf(data) for data in old.log.leaves(0, old.log.size)]
    assert old.log.leaves(0, len(before)) == before
    signed = [leaf for leaf in after if isinstance(leaf, RefLeaf) and leaf.sig]
    assert sorted(leaf.seq for leaf in signed) == [1, 2, 2, 3, 3]  # the new repository's, two tags, two mains
    assert sign_chains(old) == 0


def test_what_is_published_meanwhile_continues_the_chain(old: Node) -> None:
    """A commit right after the start is the signed continuation itself."""
    register_keys(old)
    alice = add_user(old, "alice")
    commit(old, alice, access.resolve(old, alice, model("alice/m")), PutBytes("b", b"2"))
    assert _start(old) == 3


def test_a_continued_log_can_be_rebuilt(old: Node, tmp_path: Path) -> None:
    """A catalogue made anew from such a log is the same, and is continued no second time."""
    _start(old)
    new = make_node(fresh_catalogue(tmp_path), tmp_path / "data")
    assert rebuild(new).problems == ()
    assert _refs(new) == _refs(old)
    world.check(new)
    assert sign_chains(new) == 0
    new.db.close()
