"""Sigstore bundles v0.3 with a public key: how a signed Statement travels (sigstore/protobuf-specs, `Bundle`).

Written exactly as `model_signing` writes them: media type, the hint of the key (SHA-256 of its PEM text), no log entries, one
DSSE envelope with one signature. Such a bundle says nothing about who the key belongs to; that is for the caller, who brings it.

A signature is checked before the payload is parsed, so the parser of Statements sees only what a known key has signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import InitVar, dataclass
from typing import Any

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.publickey import PublicKey, Signer
from hanse.model.strictjson import parse_strict
from hanse.sign.dsse import IN_TOTO, MAX_SIGNATURE_BYTES, Envelope, open_envelope, seal
from hanse.sign.statement import MAX_STATEMENT_BYTES, Statement, parse_statement

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE_BYTES = MAX_STATEMENT_BYTES * 4 // 3 + 65_536
_MAX_MARKS = 1_000  # commas and brackets of a bundle; the payload is one text without any
_MAX_HINT = 1_024
_MATERIAL = frozenset({"publicKey", "tlogEntries", "timestampVerificationData"})
_ENVELOPE = frozenset({"payload", "payloadType", "signatures"})
_OTHER_KEYS = ("certificate", "x509CertificateChain")
_KEYS = "bundles signed with keys on P-256 are verified, no others"
_SEAL = object()


@dataclass(frozen=True, slots=True)
class UnverifiedBundle:
    """A bundle as it came; hint: what it says about the key, to choose one by and nothing more."""

    envelope: Envelope
    hint: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """A payload signed here, or taken apart by the catalogue; `encode` writes the file."""

    payload: bytes
    signature: bytes
    key: PublicKey

    @property
    def digest(self) -> Sha256:
        """SHA-256 of the payload: what leaves name the statement by."""
        return Sha256(hashlib.sha256(self.payload).hexdigest())

    def encode(self) -> bytes:
        """Return the bundle's JSON in the canonical form of RFC 8785: the same bytes for the same signature everywhere."""
        envelope = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": IN_TOTO,
            "signatures": [{"keyid": "", "sig": base64.b64encode(self.signature).decode()}],
        }
        material = {"publicKey": {"hint": key_hint(self.key)}, "tlogEntries": []}
        return canonical({"dsseEnvelope": envelope, "mediaType": MEDIA_TYPE, "verificationMaterial": material})


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A Statement that `key` signed. Only `verify_bundle` makes these; anything else raises TypeError.

    payload: the signed bytes, which may be written differently from `statement.encode()`.
    """

    statement: Statement
    payload: bytes
    signature: bytes
    key: PublicKey
    made_by: InitVar[object] = None

    def __post_init__(self, made_by: object) -> None:
        if made_by is not _SEAL:
            raise TypeError("a VerifiedStatement is made by verify_bundle only")

    @property
    def digest(self) -> Sha256:
        """SHA-256 of the payload: what leaves name the statement by."""
        return Sha256(hashlib.sha256(self.payload).hexdigest())


def key_hint(key: PublicKey) -> str:
    """Return what a bundle says about its key: SHA-256 of the PEM text in hex (not the fingerprint, which is of the DER)."""
    return hashlib.sha256(key.pem.encode()).hexdigest()


def make_bundle(statement: Statement, signer: Signer) -> Bundle:
    """Return the statement signed; raises TooLarge, BadFormat for a key that is not ECDSA P-256, and what signing raises."""
    payload = statement.encode()
    return Bundle(payload, seal(payload, signer).signature, signer.public)


def verify_bundle(bundle: UnverifiedBundle, key: PublicKey) -> VerifiedStatement:
    """Return the Statement in the bundle; raises BadSignature unless `key` signed it, BadFormat or TooLarge if it is none."""
    payload = open_envelope(bundle.envelope, key)
    return VerifiedStatement(parse_statement(payload), payload, bundle.envelope.signature, key, made_by=_SEAL)


def parse_bundle_json(data: bytes) -> UnverifiedBundle:
    """Return the bundle in a file; raises TooLarge or BadFormat for anything but one DSSE envelope with one signature by a key.

    Bundles with certificates, several signatures, a bare message signature, another media type, unknown or duplicate fields are
    refused: what another reader could understand differently is not read.
    """
    fields = parse_strict(data, "a bundle", MAX_BUNDLE_BYTES, marks=_MAX_MARKS)
    if fields.get("mediaType") != MEDIA_TYPE:
        raise BadFormat(f"a bundle has the media type {MEDIA_TYPE}, got {str(fields.get('mediaType'))[:120]!r}")
    _only(fields, {"mediaType", "verificationMaterial", "dsseEnvelope"}, "a bundle")
    hint = _hint(_object(fields, "verificationMaterial"))
    envelope = _object(fields, "dsseEnvelope")
    _only(envelope, _ENVELOPE, "the envelope")
    signatures = envelope.get("signatures")
    if type(signatures) is not list or len(signatures) != 1 or type(signatures[0]) is not dict:
        raise BadFormat("a bundle has exactly one signature", hint="several signers make one bundle each")
    _only(signatures[0], {"sig", "keyid"}, "a signature")
    signature = _base64(_text(signatures[0], "sig"), MAX_SIGNATURE_BYTES, "a signature by an ECDSA key on P-256", hint=_KEYS)
    payload = _base64(_text(envelope, "payload"), MAX_STATEMENT_BYTES, "a payload")
    keyid = _text(signatures[0], "keyid") if "keyid" in signatures[0] else ""
    return UnverifiedBundle(Envelope(payload, _text(envelope, "payloadType"), signature, keyid), hint)


def _hint(material: dict[str, Any]) -> str:
    other = [name for name in _OTHER_KEYS if name in material]
    if other:
        raise BadFormat(f"this bundle is signed under a {other[0]}", hint="only bundles signed with a plain key are verified")
    _only(material, _MATERIAL, "the verification material")
    key = _object(material, "publicKey")
    _only(key, {"hint"}, "publicKey")
    hint = _text(key, "hint") if "hint" in key else ""
    if len(hint) > _MAX_HINT:
        raise TooLarge(f"the hint of a key has at most {_MAX_HINT} characters")
    return hint


def _base64(text: str, limit: int, what: str, *, hint: str = "") -> bytes:
    if len(text) > limit * 4 // 3 + 4:
        raise TooLarge(f"{what} has at most {limit:,} bytes", hint=hint)
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadFormat(f"{what} must be standard base64") from error
    if len(found) > limit:
        raise TooLarge(f"{what} has at most {limit:,} bytes", hint=hint)
    if base64.b64encode(found).decode() != text:  # bits that nobody reads could differ unnoticed
        raise BadFormat(f"{what} must be base64 in its one canonical form")
    return found


def _only(fields: dict[str, Any], known: set[str] | frozenset[str], what: str) -> None:
    if odd := sorted(fields.keys() - known):
        raise BadFormat(f"{what} has the unknown field {odd[0][:80]!r}")


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    if type(value) is not dict:
        raise BadFormat(f"{name} of a bundle must be an object")
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if type(value) is not str:
        raise BadFormat(f"{name} of a bundle must be a text")
    return value
