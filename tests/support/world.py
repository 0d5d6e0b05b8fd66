"""The whole-world check: everything a node says about itself is computed again from its journal and objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha1

import pytest
from tests.support.replayed import check_replay

from hanse.content.directory import Directory
from hanse.db import leaves, repos, revisions
from hanse.db.repos import Repo
from hanse.db.schema import repos as repos_table
from hanse.flows.journal import read_head, stored_sizes
from hanse.flows.listing import read_listing
from hanse.flows.node import Node
from hanse.flows.records import load_revision
from hanse.model.conceal import conceal_value
from hanse.model.digest import NO_GIT_OID, NO_SHA256
from hanse.model.leaf import Leaf, UnknownLeaf, leaf_id, parse_leaf
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp
from hanse.model.repo import Origin, RepoType
from hanse.store.keys import log_key
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.map import MerkleMap, ref_key, ref_value, tree_key, tree_value
from hanse.tlog.tiles import WIDTH, TileName, check_edge, edge_names, parse_bundle, parse_tile


def read_log(node: Node, size: int) -> list[bytes]:
    """Return the first `size` leaves of the stored log, whose tiles must be complete and lead to the stored head's root."""
    entries: list[bytes] = []
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        bundle = parse_bundle(node.store.get(log_key(TileName(None, index, width).path)), width)
        tile = parse_tile(node.store.get(log_key(TileName(0, index, width).path)), width)
        assert tuple(map(leaf_hash, bundle)) == tile
        entries += bundle
    root = Frontier().append(map(leaf_hash, entries)).root
    edge = {name.path: node.store.get(log_key(name.path)) for name in edge_names(size)}
    check_edge(size, root, edge)
    if size:
        assert read_head(node.store, size).root == root.hex()
    return entries


@dataclass
class Chains:
    """Refs as a reader of the journal knows them: (repo, ref) as written -> newest (seq, leaf id, leaf)."""

    heads: dict[tuple[Origin, RepoType, str, str], tuple[int, str, RefLeaf]] = field(default_factory=dict)

    def replay(self, data: bytes, leaf: Leaf) -> None:
        """Take in the next leaf; a gap, a double or a false `prev` fails."""
        if isinstance(leaf, RefLeaf):
            key = (leaf.origin, leaf.type, leaf.repo, str(leaf.ref))
            seq, last, _ = self.heads.get(key, (0, NO_SHA256, None))
            assert (leaf.seq, leaf.prev) == (seq + 1, last), f"chain of {key} broken"
            self.heads[key] = (leaf.seq, leaf_id(data), leaf)
        elif isinstance(leaf, RepoLeaf):
            mine = [key for key in self.heads if key[:3] == (leaf.origin, leaf.type, leaf.repo)]
            ended = {key: self.heads.pop(key) for key in mine}
            if leaf.op in (RepoOp.RENAME, RepoOp.TRANSFER) and not leaf.concealed:
                self.heads |= {(*key[:2], str(leaf.to), key[3]): head for key, head in ended.items()}
        elif isinstance(leaf, UnknownLeaf):
            pytest.fail(f"unknown leaf {data!r}")


def check(node: Node) -> None:
    """Fail unless log, catalogue, revision objects and refs all agree."""
    with node.db.read() as conn:
        head = leaves.head(conn)
        every = [repos.from_row(row) for row in conn.execute(repos_table.select())]
        assert leaves.log_size(conn) == (head.size if head else 0)
        rows = leaves.sequenced(conn, 0, 1_000_000)
    size = head.size if head else 0
    if size:
        assert stored_sizes(node.store)[-1] == size
        assert head is not None
        assert head.root == read_head(node.store, size).root
    entries = read_log(node, size)
    assert [row.index for row in rows] == list(range(size)), "gap or double in the journal"
    assert [row.leaf for row in rows] == entries
    chains = Chains()
    for data in entries:
        chains.replay(data, parse_leaf(data))
    check_replay(node, entries, every)
    told = {leaf_id_ for _, leaf_id_, _ in chains.heads.values()}
    live = [repo for repo in every if repo.state == "live"]
    for repo in live:
        _check_repo(node, repo, told)
    _check_snapshot(node, live, entries, chains)


def _check_snapshot(node: Node, live: list[Repo], entries: list[bytes], chains: Chains) -> None:
    """Fail unless the newest snapshot is the map of all chains, and that of the catalogue's refs but for unreadable chains.

    A chain under a salt that was given up cannot be ended for readers, so it stays where it was.
    """
    heads = [(ref_key(*key), ref_value(leaf.seq, leaf.rev, leaf.tree), leaf) for key, (_, _, leaf) in chains.heads.items()]
    root = MerkleMap.empty().apply((key, value) for key, value, _ in heads).root.hex()
    snapshots = [leaf["refs"] for leaf in map(json.loads, entries) if leaf["kind"] == "snapshot"]
    assert root == (snapshots[-1] if snapshots else "0" * 64), "the newest snapshot is not what the leaves make"
    readable = {key: value for key, value, leaf in heads if not leaf.concealed}
    applied = dict(put for repo in live for put in _map_of(node, repo))
    assert applied.items() <= {key: value for key, value, _ in heads}.items(), "a ref of the catalogue is not in the map"
    assert readable.items() <= applied.items(), "the map has a ref that the catalogue has not"


def _map_of(node: Node, repo: Repo) -> Iterator[tuple[bytes, bytes]]:
    def shown(field: str, text: str) -> str:
        return text if repo.salt is None else conceal_value(repo.salt, field, text)

    with node.db.read() as conn:
        refs = revisions.all_refs(conn, repo.id, deleted=True)
    for ref in refs:
        key = ref_key(repo.repo.origin, repo.repo.type, shown("repo", repo.repo.folded), shown("ref", ref.ref))
        yield key, ref_value(ref.seq, shown("rev", ref.rev), shown("tree", ref.tree))


def _check_repo(node: Node, repo: Repo, told: set[str]) -> None:
    with node.db.read() as conn:
        refs = revisions.all_refs(conn, repo.id, deleted=True)
        rows = {row.rev: row for row in revisions.all_of(conn, repo.id)}
        reached = revisions.reachable(conn, repo.id, [ref.rev for ref in refs if ref.rev != NO_GIT_OID])
    assert {ref.leaf_hash for ref in refs} <= told, "a ref is not at its newest leaf"
    for ref in refs:
        if ref.rev != NO_GIT_OID:
            assert rows[ref.rev].tree == ref.tree
    assert {rev for rev, row in rows.items() if row.state == "live"} == reached
    assert repo.head == next((ref.rev for ref in refs if ref.ref == "refs/heads/main" and ref.rev != NO_GIT_OID), None)
    for row in rows.values():
        record = load_revision(node.store, row.object)
        body = record.commit.encode()
        assert sha1(b"commit %d\0" % len(body) + body).hexdigest() == record.rev == row.rev
        assert (record.tree, record.parent) == (row.tree, row.parent)
        entries = list(read_listing(node.store, row.object).directory.entries())
        puts = [(tree_key(entry.path), tree_value(entry.size, entry.sha256, entry.xet)) for entry in entries]
        assert MerkleMap.empty().apply(puts).root.hex() == row.tree
        assert f"tree {Directory.empty().apply(entries).oid()}\n" in record.commit
        assert (len(entries), sum(entry.size for entry in entries)) == (row.files, row.bytes)
