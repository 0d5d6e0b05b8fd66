"""Statements that leaves of others' logs list, as bundles: taken apart and put together here, or kept since they were fetched.

Members who attest the same revision sign the same manifest, and a leaf has its signature: the manifest that this node signed
itself and the other's leaf are the other's bundle. Other statements, such as those of scans, are fetched (`.gather`).
"""

from __future__ import annotations

import base64
import hashlib
import zlib

from hanse.db import attestations, foreign
from hanse.db.repos import Repo
from hanse.errors import BadSignature, HanseError
from hanse.flows import bundles
from hanse.flows.foreign.copies import Copy
from hanse.flows.node import Node
from hanse.model.publickey import PublicKey
from hanse.model.trust_leaf import AdvisoryLeaf, AttestLeaf
from hanse.sign.bundle import Bundle, parse_bundle_json, verify_bundle

MAX_KEPT_BYTES = 32 * 1024 * 1024
"""Bytes of a bundle, the bound of an evidence file."""


def find(node: Node, repo: Repo, copy: Copy, index: int, leaf: AttestLeaf) -> bytes | None:
    """Return the bundle of the statement at `index` of a copied log, None if it is not here; only what verifies is returned."""
    with node.db.read() as conn:
        kept = foreign.bundle(conn, copy.log.origin, index)
        same = [row for row in attestations.of_revision(conn, repo.id, leaf.rev) if row.payload == leaf.payload.sha256]
    try:
        if kept is not None:
            return verified(copy, index, leaf, unpacked(kept))
        for row in same[:1]:
            return made(copy, index, leaf, parse_bundle_json(bundles.read(node.store, row.payload, row.key)).envelope.payload)
    except HanseError:
        return None
    return None


def keep(node: Node, copy: Copy, index: int, data: bytes) -> None:
    """Keep the verified bundle of the statement at `index` of a copied log."""
    with node.db.write() as conn:
        foreign.put_bundle(conn, copy.log.origin, index, zlib.compress(data, 6))


def made(copy: Copy, index: int, leaf: AttestLeaf, payload: bytes) -> bytes:
    """Return the bundle that the leaf at `index` lists, made of its payload; raises as `verified`."""
    return verified(copy, index, leaf, Bundle(payload, base64.b64decode(leaf.sig), _key(copy, index, leaf)).encode())


def verified(copy: Copy, index: int, leaf: AttestLeaf | AdvisoryLeaf, data: bytes) -> bytes:
    """Return a bundle if it is the statement that the leaf at `index` lists.

    Raises BadFormat, TooLarge, or BadSignature if it is another one, or is not by a key that the log registered before.
    """
    found = parse_bundle_json(data)
    listed = (leaf.payload.sha256, base64.b64decode(leaf.sig))
    if (hashlib.sha256(found.envelope.payload).hexdigest(), found.envelope.signature) != listed:
        raise BadSignature(f"leaf {index} of {copy.log.origin} lists another statement")
    verify_bundle(found, _key(copy, index, leaf))
    return data


def _key(copy: Copy, index: int, leaf: AttestLeaf | AdvisoryLeaf) -> PublicKey:
    for at, one in copy.keys:
        if one.key == leaf.key and at < index:
            return one.public
    raise BadSignature(f"key {leaf.key[:16]} is not registered in {copy.log.origin} before leaf {index}")


def unpacked(data: bytes) -> bytes:
    """Return a kept statement as it was fetched; raises BadSignature for a damaged one."""
    state = zlib.decompressobj()
    try:
        found = state.decompress(data, MAX_KEPT_BYTES)
    except zlib.error as error:
        raise BadSignature("a kept statement is damaged") from error
    if not state.eof:
        raise BadSignature("a kept statement is too large")
    return found
