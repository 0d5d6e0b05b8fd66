"""Xet uploads through flows, without HTTP."""

from __future__ import annotations

from tests.support.rawxet import RawFile

from hanse.db.repos import Repo
from hanse.flows.node import Node
from hanse.flows.register import register_shard
from hanse.flows.xorb_ingest import XorbIngest
from hanse.model.actor import Actor
from hanse.model.digest import XetHash
from hanse.store.keys import ObjectKey


def send_xorb(node: Node, repo: Repo, xorb: XetHash, data: bytes, piece: int = 50_000) -> bool:
    """Send the bytes of a xorb in pieces; return whether they were new."""
    with XorbIngest(node, xorb) as ingest:
        for at in range(0, len(data), piece):
            ingest.feed(data[at : at + piece])
        return ingest.finish(repo)


def send_file(node: Node, actor: Actor, repo: Repo, file: RawFile) -> bool:
    """Send a file's xorb and shard; return whether the shard was new."""
    send_xorb(node, repo, file.xorb, file.xorb_bytes)
    return register_shard(node, actor, repo, file.shard)


def staged(node: Node) -> list[str]:
    """Return the names of the files that lie in the staging area."""
    return [path.name for path in node.staging.root.iterdir() if path.is_file()]


def damage(node: Node, key: ObjectKey, position: int) -> None:
    """Flip a bit of a stored object; a second time flips it back."""
    path = node.store.local_path(key)
    assert path is not None
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.chmod(0o640)
    path.write_bytes(data)
