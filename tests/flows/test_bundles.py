"""Bundles in the store: the first one counts, and none is taken for what it is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.signing import attest_key, manifest

from hanse.errors import BlobNotFound, DigestMismatch
from hanse.flows import bundles
from hanse.model.digest import Sha256
from hanse.sign.bundle import make_bundle
from hanse.store.keys import ATTESTATIONS, attestation_key
from hanse.store.local import LocalStore


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "objects")


def test_the_first_signature_counts(store: LocalStore) -> None:
    """Whoever signs the same again, one after the other or at once, gets the bundle that is stored."""
    key = attest_key()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: bundles.sign(store, manifest(), key), range(8)))
    assert len({one.signature for one in made}) == 1
    assert bundles.sign(store, manifest(), key) == made[0]
    assert bundles.keep(store, make_bundle(manifest(), key)) == made[0]
    assert bundles.read(store, made[0].digest, key.public.fingerprint) == made[0].encode()
    other = attest_key()
    assert bundles.sign(store, manifest(), other).key == other.public
    assert len(list(store.list(ATTESTATIONS))) == 2


def test_a_damaged_bundle_is_not_taken_up(store: LocalStore) -> None:
    """What is stored under a name and is not that is neither signed over nor handed out."""
    key, other = attest_key(), attest_key()
    made, another = make_bundle(manifest(), key), make_bundle(manifest({"x": b"y"}), key)
    store.put(attestation_key(made.digest, key.public.fingerprint), another.encode())
    store.put(attestation_key(made.digest, other.public.fingerprint), made.encode())
    assert bundles.load(store, made.digest, key.public) is None
    assert bundles.load(store, made.digest, other.public) is None
    assert bundles.load(store, Sha256("0" * 64), key.public) is None
    with pytest.raises(DigestMismatch):
        bundles.read(store, made.digest, key.public.fingerprint)
    with pytest.raises(BlobNotFound):
        bundles.read(store, Sha256("0" * 64), key.public.fingerprint)
