"""Bundles in the object store: signed statements, named by the digest of their payload and the key that signed it.

ECDSA signs the same payload differently each time. The bundle that is stored first is the one: whoever signs again, after a crash
or beside another process, takes that one up, so that leaf, catalogue and object agree.
"""

from __future__ import annotations

import hashlib

from hanse.errors import BadSignature, BlobNotFound, DigestMismatch
from hanse.model.digest import Sha256
from hanse.model.publickey import PublicKey, Signer
from hanse.sign.bundle import Bundle, make_bundle, parse_bundle_json, verify_bundle
from hanse.sign.statement import Statement
from hanse.store.base import BlobStore
from hanse.store.keys import attestation_key


def sign(store: BlobStore, statement: Statement, signer: Signer) -> Bundle:
    """Return the statement signed and stored durably; one signed and stored before is returned as it is.

    Raises BadFormat or TooLarge for what cannot be signed, and what signing raises.
    """
    digest = Sha256(hashlib.sha256(statement.encode()).hexdigest())
    return load(store, digest, signer.public) or keep(store, make_bundle(statement, signer))


def keep(store: BlobStore, bundle: Bundle) -> Bundle:
    """Store a bundle durably and return the one that is stored: this one, or one with another signature of the same key."""
    if store.put(attestation_key(bundle.digest, bundle.key.fingerprint), bundle.encode()):
        return bundle
    return load(store, bundle.digest, bundle.key) or bundle


def load(store: BlobStore, payload: Sha256, key: PublicKey) -> Bundle | None:
    """Return the stored bundle of a payload by a key, verified; None if there is none, or not a sound one."""
    try:
        found = verify_bundle(parse_bundle_json(store.get(attestation_key(payload, key.fingerprint))), key)
    except (BlobNotFound, BadSignature):
        return None
    return Bundle(found.payload, found.signature, key) if found.digest == payload else None


def read(store: BlobStore, payload: Sha256, key: Sha256) -> bytes:
    """Return the stored bundle's JSON as it is handed out.

    Raises BlobNotFound, or DigestMismatch if it holds another payload than it is named by.
    """
    data = store.get(attestation_key(payload, key))
    found = hashlib.sha256(parse_bundle_json(data).envelope.payload).hexdigest()
    if found != payload:
        raise DigestMismatch(f"the bundle named {payload} holds the payload {found}", hint="run hanse admin fsck")
    return data
