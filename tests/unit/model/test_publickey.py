"""Public keys: their forms, their fingerprints, and that only their own signatures verify."""

from __future__ import annotations

import base64
import hashlib
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from hanse.errors import BadFormat, BadSignature
from hanse.model.publickey import MAX_KEY_BYTES, PublicKey, Scheme

P256 = ec.generate_private_key(ec.SECP256R1())
ED = Ed25519PrivateKey.generate()
ML = mldsa.MLDSA44PrivateKey.generate()
KEYS = [PublicKey.from_key(key.public_key()) for key in (P256, ED, ML)]


def _signed(scheme: Scheme, data: bytes) -> bytes:
    if scheme is Scheme.ECDSA_P256:
        return P256.sign(data, ec.ECDSA(SHA256()))
    return ED.sign(data) if scheme is Scheme.ED25519 else ML.sign(data)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.scheme.value)
def test_every_form_gives_the_key_again(key: PublicKey) -> None:
    """DER, PEM, text and raw bytes name the same key."""
    assert PublicKey.from_der(key.der) == PublicKey.from_pem(key.pem) == PublicKey.from_text(key.text) == key
    if key.scheme is not Scheme.ECDSA_P256:
        assert PublicKey.from_raw(key.scheme, key.raw) == key


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.scheme.value)
def test_only_its_own_signature_verifies(key: PublicKey) -> None:
    """A signature over other bytes, cut, changed or of another key is refused."""
    good = _signed(key.scheme, b"data")
    key.verify(good, b"data")
    for bad in (good[:-1], b"", good[:-1] + bytes([good[-1] ^ 1]), good + b"\0"):
        with pytest.raises(BadSignature):
            key.verify(bad, b"data")
    with pytest.raises(BadSignature):
        key.verify(good, b"datA")
    for other in KEYS:
        if other != key:
            with pytest.raises(BadSignature):
                other.verify(good, b"data")


def test_the_fingerprint_is_the_one_that_openssl_prints() -> None:
    """Anybody computes a fingerprint without this program."""
    key = KEYS[0]
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=key.pem.encode(), capture_output=True, check=True
    ).stdout
    assert key.fingerprint == hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("data", [b"", b"x" * 50, b"0" * (MAX_KEY_BYTES + 1), KEYS[1].der + b"\0"], ids=range(4))
def test_other_bytes_are_no_key(data: bytes) -> None:
    """What is not exactly one key's DER is refused."""
    with pytest.raises(BadFormat):
        PublicKey.from_der(data)
    with pytest.raises(BadFormat):
        PublicKey.from_text(base64.b64encode(data).decode() + "!")
    with pytest.raises(BadFormat):
        PublicKey.from_pem(data)


def test_other_schemes_are_refused() -> None:
    """Curves and schemes beyond the three are no keys here, and ECDSA has no raw form."""
    with pytest.raises(BadFormat):
        PublicKey.from_key(ec.generate_private_key(ec.SECP384R1()).public_key())
    with pytest.raises(BadFormat):
        PublicKey.from_key(mldsa.MLDSA65PrivateKey.generate().public_key())
    with pytest.raises(BadFormat):
        _ = KEYS[0].raw
    with pytest.raises(BadFormat):
        PublicKey.from_raw(Scheme.ECDSA_P256, bytes(64))
    with pytest.raises(BadFormat):
        PublicKey.from_raw(Scheme.ED25519, bytes(31))
