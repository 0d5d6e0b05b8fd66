"""Real keys in memory, behind the Signer interface; the same seed gives the same key."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from hanse.model.publickey import PublicKey, Scheme


@dataclass(frozen=True)
class MemorySigner:
    """A signer whose private key is an object of the library `cryptography`."""

    key: Ed25519PrivateKey | MLDSA44PrivateKey | ec.EllipticCurvePrivateKey

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey.from_key(self.key.public_key())

    def sign(self, data: bytes) -> bytes:
        """Return a signature over `data`."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(SHA256()))
        return self.key.sign(data)


def signer(seed: str, scheme: Scheme = Scheme.ED25519) -> MemorySigner:
    """Return the signer that belongs to `seed` and `scheme`."""
    digest = sha256(seed.encode()).digest()
    if scheme is Scheme.ML_DSA_44:
        return MemorySigner(MLDSA44PrivateKey.from_seed_bytes(digest))
    if scheme is Scheme.ECDSA_P256:
        return MemorySigner(ec.derive_private_key(int.from_bytes(digest, "big") >> 1, ec.SECP256R1()))
    return MemorySigner(Ed25519PrivateKey.from_private_bytes(digest))
