"""Public keys and what can sign: the one place where signatures of any kind are checked.

Schemes: Ed25519 (RFC 8032) for logs, witnesses and mirrors; ECDSA on P-256 with SHA-256 (FIPS 186-5, DER signatures) for
attestations and refs; ML-DSA-44 (FIPS 204) beside Ed25519 in cosignatures. The *fingerprint* of a key is the SHA-256 of its DER
SubjectPublicKeyInfo in hex, as `openssl pkey -pubin -outform DER | sha256sum` prints it: everything
here names keys by it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from hanse.errors import BadFormat, BadSignature
from hanse.model.digest import Sha256

MAX_KEY_BYTES = 4096
_ECDSA = ec.ECDSA(SHA256())
_Key = Ed25519PublicKey | ec.EllipticCurvePublicKey | MLDSA44PublicKey


class Scheme(str, Enum):
    """What a key signs with."""

    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256"
    ML_DSA_44 = "ml-dsa-44"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key. scheme: what it signs with; der: its SubjectPublicKeyInfo.

    Made by `from_der`, `from_pem`, `from_raw` or `from_key`, which check that the two belong together.
    """

    scheme: Scheme
    der: bytes

    @property
    def fingerprint(self) -> Sha256:
        """SHA-256 of the DER SubjectPublicKeyInfo, in hex."""
        return Sha256(hashlib.sha256(self.der).hexdigest())

    @property
    def pem(self) -> str:
        """The key as PEM text (`PUBLIC KEY`), with a newline at its end."""
        return _load(self.der).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def raw(self) -> bytes:
        """The raw key bytes of Ed25519 (32) and ML-DSA-44 (1,312); raises BadFormat for ECDSA, which has no such form."""
        key = _load(self.der)
        if isinstance(key, ec.EllipticCurvePublicKey):
            raise BadFormat("an ECDSA key has no raw form")
        return key.public_bytes_raw()

    @property
    def text(self) -> str:
        """The DER bytes in standard base64: how leaves and settings write a key."""
        return base64.b64encode(self.der).decode()

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check that `signature` is this key's over `data`; raises BadSignature otherwise.

        Ed25519: 64 bytes; ECDSA: DER; ML-DSA-44: 2,420 bytes, empty context.
        """
        key = _load(self.der)
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, data, _ECDSA)
            else:
                key.verify(signature, data)
        except (InvalidSignature, ValueError) as error:
            raise BadSignature(f"the signature is not one of key {self.fingerprint[:16]} over these bytes") from error

    @classmethod
    def from_key(cls, key: object) -> PublicKey:
        """Return a key of the library `cryptography`; raises BadFormat for other schemes and curves."""
        if isinstance(key, Ed25519PublicKey):
            scheme = Scheme.ED25519
        elif isinstance(key, MLDSA44PublicKey):
            scheme = Scheme.ML_DSA_44
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            scheme = Scheme.ECDSA_P256
        else:
            raise BadFormat("a key must be Ed25519, ECDSA on P-256 or ML-DSA-44")
        return cls(scheme, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @classmethod
    def from_der(cls, der: bytes) -> PublicKey:
        """Return the key in DER SubjectPublicKeyInfo bytes; raises BadFormat unless they are its one encoding."""
        found = cls.from_key(_load(der))
        if found.der != der:
            raise BadFormat("a public key must be in DER")
        return found

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """Return the key that `text` (base64 of DER) writes; raises BadFormat."""
        try:
            return cls.from_der(base64.b64decode(text[: 2 * MAX_KEY_BYTES], validate=True))
        except ValueError as error:
            raise BadFormat("a public key must be base64 of DER") from error

    @classmethod
    def from_pem(cls, pem: str | bytes) -> PublicKey:
        """Return the key in PEM text; raises BadFormat."""
        data = pem.encode() if isinstance(pem, str) else pem
        try:
            return cls.from_key(load_pem_public_key(data[:MAX_KEY_BYTES]))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadFormat(
                "expected a public key in PEM", hint="that of a key made here is in the file KEY.pub beside it"
            ) from error

    @classmethod
    def from_raw(cls, scheme: Scheme, raw: bytes) -> PublicKey:
        """Return the Ed25519 or ML-DSA-44 key with these raw bytes; raises BadFormat."""
        try:
            if scheme is Scheme.ED25519:
                return cls.from_key(Ed25519PublicKey.from_public_bytes(raw))
            if scheme is Scheme.ML_DSA_44:
                return cls.from_key(MLDSA44PublicKey.from_public_bytes(raw))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadFormat(f"these are not the raw bytes of a key of {scheme.value}") from error
        raise BadFormat(f"keys of {scheme.value} have no raw form")


class Signer(Protocol):
    """Holds one private key, in a file, a token or a service, and signs with it. Safe for threads.

    Signatures verify by `PublicKey.verify` of `public`. An effect: it may fail with StorageError or PeerError.
    """

    @property
    def public(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return a signature over `data`, in the form that `PublicKey.verify` takes."""
        ...


@functools.lru_cache(maxsize=256)  # reading a key costs as much as a tenth of checking a signature with it
def _load(der: bytes) -> _Key:
    try:
        if len(der) > MAX_KEY_BYTES:
            raise BadFormat(f"a public key has at most {MAX_KEY_BYTES} bytes")
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadFormat("expected a public key in DER") from error
    if not isinstance(key, Ed25519PublicKey | ec.EllipticCurvePublicKey | MLDSA44PublicKey):
        raise BadFormat("a key must be Ed25519, ECDSA on P-256 or ML-DSA-44")
    return key
