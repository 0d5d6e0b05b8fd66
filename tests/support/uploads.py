"""Large files brought in as an LFS client does, so that they lie in xorbs."""

from __future__ import annotations

import random
from hashlib import sha256

from hanse.db.repos import Repo
from hanse.flows.ingest import FileIngest
from hanse.flows.node import Node
from hanse.flows.publish import PutFile
from hanse.model.actor import Actor
from hanse.model.digest import Sha256


def noise(seed: int, size: int = 400_000) -> bytes:
    """Return random bytes that do not compress: some six chunks by default."""
    return random.Random(seed).randbytes(size)


def upload(node: Node, actor: Actor, repo: Repo, path: str, data: bytes) -> PutFile:
    """Bring a file in and return the operation that commits it."""
    digest = Sha256(sha256(data).hexdigest())
    with FileIngest(node, actor, repo, sha256=digest, size=len(data)) as ingest:
        ingest.feed(data)
        ingest.finish()
    return PutFile(path, digest, len(data))
