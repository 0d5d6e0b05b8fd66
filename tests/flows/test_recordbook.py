"""What records say about leaves."""

from __future__ import annotations

from tests.support.nodes import commit, new_repo

from hanse.db import leaves
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.recordbook import RecordBook
from hanse.flows.repos import delete_repo, set_visibility
from hanse.flows.restore import restore_repo
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.leaf import parse_leaf
from hanse.model.ref_leaf import RefLeaf, RepoLeaf
from hanse.model.repo import Visibility
from hanse.store.keys import revision_key


def _leaves(node: Node) -> list[tuple[str, RefLeaf | RepoLeaf]]:
    with node.db.read() as conn:
        rows = leaves.sequenced(conn, 0, 100)
    parsed = [(str(row.leaf_hash), parse_leaf(row.leaf)) for row in rows]
    return [(name, leaf) for name, leaf in parsed if isinstance(leaf, RefLeaf | RepoLeaf)]


def test_concealed_leaves_are_read(node: Node, alice: Actor) -> None:
    """With the records every leaf of a private repository is read in clear; without them it stays what it looks like."""
    repo = new_repo(node, alice, "alice/M", Visibility.PRIVATE)
    done = commit(node, alice, repo, PutBytes("a", b"1"))
    set_visibility(node, alice, repo, Visibility.FEDERATION)
    book = RecordBook(node.store)
    seen: list[tuple[str, str, bool]] = []
    for name, leaf in _leaves(node):
        assert leaf.concealed
        if isinstance(leaf, RefLeaf):
            meaning = book.ref_change(leaf)
            assert meaning is not None
            seen.append((meaning.ref, meaning.rev, bool(meaning.record)))
        else:
            change = book.repo_change(leaf, Sha256(name))
            assert change is not None
            seen.append((change[0].repo.path, change[1].visibility.value, True))
    assert seen[0] == ("alice/M", "private", True)
    assert seen[2:] == [
        ("refs/heads/main", done.rev, False),
        ("alice/M", "federation", True),
        ("refs/heads/main", done.rev, True),
    ]
    kept = {key: node.store.get(key) for key in node.store.list("revisions/")}
    for key in kept:
        node.store.delete(key)
    empty = RecordBook(node.store)
    for name, leaf in _leaves(node):
        assert (empty.ref_change(leaf) if isinstance(leaf, RefLeaf) else empty.repo_change(leaf, Sha256(name))) is None
    for key, data in kept.items():
        node.store.put(key, data)


def test_clear_leaves_speak_for_themselves(node: Node, alice: Actor) -> None:
    """Without records a leaf in clear still tells names and ids; damaged records are told, not used."""
    repo = new_repo(node, alice, "alice/M")
    for key in list(node.store.list("revisions/")):
        kept = node.store.get(key)
        node.store.delete(key)
        node.store.put(revision_key(Sha256("0" * 64)), b"{}")
        damaged = RecordBook(node.store)
        assert any("0" * 64 in problem for problem in damaged.problems)
        node.store.put(key, kept)
    node.store.delete(revision_key(Sha256("0" * 64)))
    book = RecordBook(node.store)
    book._changes.clear()
    book._meanings.clear()
    (_, ref), (name, created) = _leaves(node)[1], _leaves(node)[0]
    assert isinstance(ref, RefLeaf)
    assert isinstance(created, RepoLeaf)
    change, meaning = book.repo_change(created, Sha256(name)), book.ref_change(ref)
    assert change is not None
    assert meaning is not None
    assert (change[0].repo.path, change[1].public, change[2], meaning.rev) == ("alice/m", True, "", ref.rev)
    assert repo.repo.path == "alice/M"


def test_a_restored_repository_is_not_a_new_one(node: Node, alice: Actor) -> None:
    """Where creation and restoration have one and the same leaf, it is the latter once the deletion can be undone."""
    repo = new_repo(node, alice, "alice/m")
    delete_repo(node, alice, repo)
    restore_repo(node, repo.id)
    book = RecordBook(node.store)
    changes = [(Sha256(name), leaf) for name, leaf in _leaves(node) if isinstance(leaf, RepoLeaf)]
    (created, leaf), (deleted, _), (restored, _) = changes
    assert created == restored
    assert (book.restored(restored), book.restored(deleted)) == (deleted, None)
    first, second = book.repo_change(leaf, created), book.repo_change(leaf, restored, {deleted})
    assert first is not None
    assert second is not None
    assert first[2] != second[2]
