"""DSSE: what exactly is signed, and the envelope that carries it (secure-systems-lab/dsse, protocol 1.0.2).

Signed is PAE(payload type, payload) and nothing else, so a signature holds for these bytes under this type only. An envelope here
has one signature: m signers make m envelopes, because verifiers of Sigstore bundles refuse more than one or look at the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.errors import BadFormat, BadSignature
from hanse.model.publickey import PublicKey, Scheme, Signer

IN_TOTO = "application/vnd.in-toto+json"
"""Payload type of in-toto Statements."""
ENVELOPE_SCHEME = Scheme.ECDSA_P256
"""What envelopes are signed with: the one scheme that all verifiers of Model Signing bundles share."""
MAX_SIGNATURE_BYTES = 72
"""Largest ECDSA signature on P-256 in DER."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding of a payload: the bytes that a DSSE signature is over."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with one signature, which is not verified by being here; keyid: a hint, "" if there is none."""

    payload: bytes
    payload_type: str
    signature: bytes
    keyid: str = ""


def seal(payload: bytes, signer: Signer, payload_type: str = IN_TOTO) -> Envelope:
    """Return the payload signed; raises BadFormat for a key that is not ECDSA P-256, and what signing raises."""
    require_signing(signer)
    return Envelope(payload, payload_type, signer.sign(pae(payload_type, payload)))


def require_signing(signer: Signer) -> None:
    """Raise BadFormat unless a key is one that statements are signed with."""
    if signer.public.scheme is not ENVELOPE_SCHEME:
        raise BadFormat(
            f"statements are signed with {ENVELOPE_SCHEME.value}, the key is {signer.public.scheme.value}",
            hint="use a key on the curve P-256: verifiers of Model Signing bundles take no other",
        )


def open_envelope(envelope: Envelope, key: PublicKey, payload_type: str = IN_TOTO) -> bytes:
    """Return the payload, verified; raises BadSignature unless `key`, an ECDSA P-256 key, signed it as `payload_type`."""
    if envelope.payload_type != payload_type:
        raise BadSignature(f"the envelope must hold {payload_type}, got {envelope.payload_type[:120]!r}")
    if key.scheme is not ENVELOPE_SCHEME:
        raise BadSignature(f"statements are verified with {ENVELOPE_SCHEME.value} keys, got one of {key.scheme.value}")
    key.verify(envelope.signature, pae(payload_type, envelope.payload))
    return envelope.payload
