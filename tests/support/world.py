"""The whole-world check: everything a node says about itself is computed again from its journal and objects."""

from __future__ import annotations

from hashlib import sha1

from msgspec import UNSET
from tests.support.replayed import check_replay

from hanse.content.directory import Directory
from hanse.db import leaves, repos, revisions
from hanse.db.repos import Repo
from hanse.db.schema import repos as repos_table
from hanse.flows.journal import read_head, stored_sizes
from hanse.flows.listing import read_listing
from hanse.flows.node import Node
from hanse.flows.records import load_revision
from hanse.model.digest import NO_GIT_OID
from hanse.store.keys import log_key
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.map import MerkleMap, tree_key, tree_value
from hanse.tlog.replay import Replay
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
    replay = check_replay(node, entries, every)
    assert replay.covered, "a map changed after the newest snapshot"
    assert replay.alarms == ()
    _check_view(node, replay)
    told = {str(row.leaf_hash) for row in rows if row.kind == "ref"}
    for repo in every:
        if repo.state == "live":
            _check_repo(node, repo, told)


def _check_view(node: Node, replay: Replay) -> None:
    """Fail unless what the node shows of its log is what a reader of it works out."""
    head = open_checkpoint(node.log.checkpoint(), node.log.key).checkpoint
    shown, told = (head.size, head.root.hex()), (replay.size, replay.frontier.root.hex())
    assert shown == told, f"the log shows {shown}, its leaves make {told}"
    if replay.snapshot_index is not None:
        found = node.log.snapshot(head.size)
        shown_maps, told_maps = (
            (found.index, found.maps.roots),
            (replay.snapshot_index, (replay.refs.root, replay.advisories.root)),
        )
        assert shown_maps == told_maps, f"the log shows the maps {shown_maps}, its leaves make {told_maps}"


def _check_repo(node: Node, repo: Repo, told: set[str]) -> None:
    with node.db.read() as conn:
        refs = revisions.all_refs(conn, repo.id, deleted=True)
        rows = {row.rev: row for row in revisions.all_of(conn, repo.id)}
        reached = revisions.reachable(conn, repo.id, [ref.rev for ref in refs if ref.rev != NO_GIT_OID])
    assert {ref.leaf_hash for ref in refs} <= told, "a ref is at no leaf of the log"
    for ref in refs:
        if ref.rev != NO_GIT_OID:
            assert rows[ref.rev].tree == ref.tree
    live = {rev for rev, row in rows.items() if row.state == "live"}
    assert live == reached or (repo.mirrored and live > reached), "what an upstream once showed stays"
    assert repo.head == next((ref.rev for ref in refs if ref.ref == "refs/heads/main" and ref.rev != NO_GIT_OID), None)
    for row in rows.values():
        record = load_revision(node.store, row.object)
        body = record.commit.encode()
        assert record.rev == row.rev
        assert (record.claimed is not UNSET) == repo.mirrored
        assert repo.mirrored or sha1(b"commit %d\0" % len(body) + body).hexdigest() == record.rev
        assert (record.tree, record.parent) == (row.tree, row.parent)
        entries = list(read_listing(node.store, row.object).directory.entries())
        puts = [(tree_key(entry.path), tree_value(entry.size, entry.sha256, entry.xet)) for entry in entries]
        assert MerkleMap.empty().apply(puts).root.hex() == row.tree
        assert repo.mirrored or f"tree {Directory.empty().apply(entries).oid()}\n" in record.commit
        assert (len(entries), sum(entry.size for entry in entries)) == (row.files, row.bytes)
