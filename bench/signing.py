"""What signing and logging a revision of 100 files costs: its manifest, the signature, the stored bundle, the leaf in the log.

The node runs in this process with a real sequencer on SQLite, so CPU time is that of all its threads. The store counts what is
read: the revision object, and not one file.
"""

from __future__ import annotations

import base64
import time
from pathlib import Path

from tests.support.nodes import add_user, commit, fresh_catalogue, make_node, new_repo, running

from bench.common import Bench, Row, Spread, spread
from hanse.db import leaves, revisions
from hanse.db.repos import Repo
from hanse.flows import chains, effects
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.digest import GitOid, Sha256
from hanse.model.leaf import encode_leaf, leaf_id
from hanse.model.leaf_fields import Payload
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import Bundle, make_bundle
from hanse.sign.oms import manifest_statement
from hanse.sign.statement import OMS
from hanse.store.keys import ObjectKey
from hanse.store.local import LocalStore

FILES = 100
REVISIONS = 20
LIMIT_MS = 50


class CountingStore(LocalStore):
    """Local storage that keeps the names of what was read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[str] = []

    def get(self, key: ObjectKey, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of an object."""
        self.read.append(key)
        return super().get(key, start, length)


def sign(node: Node, repo: Repo, rev: GitOid) -> Bundle:
    """Make the manifest of a revision from what is known of its files, sign it and store the bundle."""
    with node.db.read() as conn:
        row = revisions.get(conn, repo.id, rev)
    assert row is not None
    listing = node.listings.get(node.store, row.object)
    bundle = make_bundle(
        manifest_statement(repo.repo.name, listing.directory.entries(), repo.repo, rev, row.tree), node.keys.attest
    )
    node.store.put(ObjectKey(f"attestations/{bundle.digest[:2]}/{bundle.digest}/{bundle.key.fingerprint}"), bundle.encode())
    return bundle


def log(node: Node, repo: Repo, rev: GitOid, tree: Sha256, bundle: Bundle) -> None:
    """Queue the leaf of a bundle and wait until it is in the log."""
    leaf = AttestLeaf(
        time=node.clock.now(),
        origin=repo.repo.origin,
        type=repo.repo.type,
        repo=repo.repo.folded,
        rev=rev,
        tree=tree,
        predicate=OMS,
        payload=Payload(bundle.digest, len(bundle.payload)),
        key=bundle.key.fingerprint,
        sig=base64.b64encode(bundle.signature).decode(),
    )
    data = encode_leaf(leaf)
    fields: dict[str, object] = {"repo_id": repo.id, "kind": "attest", "rev": rev, "tree": tree, "leaf": data}
    fields |= {"leaf_hash": leaf_id(data), "effect": effects.NONE, "created_at": leaf.time}
    queued = chains.change_repo(node, repo, lambda conn, _repo: leaves.append(conn, fields))
    node.sequencer.wait(queued, 60)


def measure(node: Node, store: CountingStore) -> tuple[Spread, Spread, Spread, int, set[str]]:
    """Return CPU milliseconds of signing and of both, wall milliseconds, the bundle's size, and kinds of objects read."""
    repo = new_repo(node, add_user(node, "ada"), "ada/m")
    done = commit(node, add_user(node, "ada"), repo, *(PutBytes(f"part/{at:03}.bin", b"%d" % at) for at in range(FILES)))
    signing, both, wall, size, kinds = [], [], [], 0, set()
    for number in range(REVISIONS):
        done = commit(node, add_user(node, "ada"), repo, PutBytes("part/000.bin", b"change %d" % number))
        store.read.clear()
        started, before = time.perf_counter(), time.process_time()
        bundle = sign(node, repo, done.rev)
        signed = time.process_time()
        log(node, repo, done.rev, done.tree, bundle)
        both.append((time.process_time() - before) * 1000)
        wall.append((time.perf_counter() - started) * 1000)
        signing.append((signed - before) * 1000)
        size = len(bundle.encode())
        kinds |= {key.partition("/")[0] for key in store.read}
    return spread(signing), spread(both), spread(wall), size, kinds


def run(bench: Bench) -> list[Row]:
    """Measure revisions that each change one of 100 files."""
    database = fresh_catalogue(bench.folder)
    store = CountingStore(bench.folder / "data" / "objects")
    node = make_node(database, bench.folder / "data", store=store)
    with running(node):
        signing, both, wall, size, kinds = measure(node, store)
    database.close()
    files = kinds & {"xorbs", "blobs", "chunk-lists", "shards"}
    assert not files, f"files were read: {files}"
    return [
        Row(f"manifest of {FILES} files made, signed, stored", f"{signing} ms of CPU", ""),
        Row("the same, and its leaf in the log", f"{both} ms of CPU", f"<= {LIMIT_MS} ms"),
        Row("the same, wall time with all fsyncs", f"{wall} ms", ""),
        Row("bundle", f"{size:,} bytes", ""),
        Row("objects read on the way", ", ".join(sorted(kinds)) or "none", "no file"),
    ]
