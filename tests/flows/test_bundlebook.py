"""Bundles are found again by what leaves say of them, in clear or concealed."""

from __future__ import annotations

from dataclasses import replace

from tests.support.attesting import attest_all, wait
from tests.support.nodes import commit, new_repo

from hanse.db import attestations, leaves, repos
from hanse.db.repos import Repo
from hanse.flows.bundlebook import BundleBook
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.model.leaf import parse_leaf
from hanse.model.repo import Visibility
from hanse.model.trust_leaf import AttestLeaf
from hanse.store.keys import attestation_key


def _leaf(node: Node, repo: Repo) -> tuple[AttestLeaf, int]:
    with node.db.read() as conn:
        (row,) = attestations.of_repo(conn, repo.id)
        pending = leaves.get(conn, row.leaf_id)
    assert pending is not None
    leaf = parse_leaf(pending.leaf)
    assert isinstance(leaf, AttestLeaf)
    return leaf, row.leaf_id


def test_a_leaf_leads_to_its_bundle(lite: Node, owner: Actor) -> None:
    """The row made from leaf and bundle is the one that was entered at the time, also where the leaf is concealed."""
    made = []
    for name, seen in (("a", Visibility.PUBLIC), ("b", Visibility.PRIVATE)):
        repo = new_repo(lite, owner, f"owner/{name}", seen)
        commit(lite, owner, repo, PutBytes("x", name.encode()))
        made.append(repo)
    attest_all(lite)
    wait(lite)
    book = BundleBook(lite.store)
    for repo in made:
        leaf, number = _leaf(lite, repo)
        with lite.db.write() as conn:
            before = attestations.of_repo(conn, repo.id)
            attestations.drop(conn, repo.id)
            book.enter(conn, leaf, repo, number)
            assert attestations.of_repo(conn, repo.id) == before
            other = replace(leaf, payload=replace(leaf.payload, sha256=Sha256("0" * 64)))
            assert book.logged_by(conn, other, repo) is None
            book.enter(conn, other, repo, number)
            assert attestations.of_repo(conn, repo.id) == before


def test_what_cannot_be_read_is_told(lite: Node, owner: Actor) -> None:
    """A damaged bundle is a problem, not the end; a bundle about a revision that is not here is left out."""
    repo = new_repo(lite, owner, "owner/a")
    attest_all(lite)
    wait(lite)
    leaf, number = _leaf(lite, repo)
    lite.store.put(attestation_key(Sha256("1" * 64), Sha256("2" * 64)), b"no bundle")
    book = BundleBook(lite.store)
    assert len(book.problems) == 1
    elsewhere = new_repo(lite, owner, "owner/b")
    with lite.db.write() as conn:
        found = repos.get(conn, elsewhere.id)
        assert found is not None
        book.enter(conn, leaf, replace(found, id=10**6), number)
        assert attestations.of_repo(conn, elsewhere.id) == []
