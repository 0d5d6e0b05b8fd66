"""DSSE: the bytes that are signed, and what opens an envelope."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.signing import attest_key

from hanse.errors import BadFormat, BadSignature
from hanse.keys.files import generate
from hanse.model.publickey import Scheme
from hanse.sign.dsse import IN_TOTO, MAX_SIGNATURE_BYTES, open_envelope, pae, seal


def test_the_example_of_the_specification() -> None:
    """PAE of the protocol's own test vector, byte for byte."""
    assert pae("http://example.com/HelloWorld", b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_are_in_bytes() -> None:
    """A type outside ASCII counts its UTF-8 bytes, so that no two (type, payload) pairs share an encoding."""
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "
    assert pae("a 1", b"x") != pae("a", b"1 x")


def test_round_trip() -> None:
    """What a key sealed opens with its public half, and with nobody else's."""
    signer = attest_key()
    envelope = seal(b"payload", signer)
    assert open_envelope(envelope, signer.public) == b"payload"
    assert len(envelope.signature) <= MAX_SIGNATURE_BYTES
    with pytest.raises(BadSignature):
        open_envelope(envelope, attest_key().public)


def test_alterations() -> None:
    """Another payload, type or signature does not open."""
    signer = attest_key()
    envelope = seal(b"payload", signer)
    damaged = bytes([envelope.signature[0] ^ 1]) + envelope.signature[1:]
    for change in ({"payload": b"Payload"}, {"payload_type": "text/plain"}, {"signature": damaged}, {"signature": b""}):
        with pytest.raises(BadSignature):
            open_envelope(replace(envelope, **change), signer.public)
    with pytest.raises(BadSignature):
        open_envelope(seal(b"payload", signer, "text/plain"), signer.public)


def test_other_schemes() -> None:
    """Only ECDSA P-256 signs and opens envelopes, even where another signature would be right."""
    other = generate(Scheme.ED25519)
    with pytest.raises(BadFormat, match="ecdsa-p256"):
        seal(b"payload", other)
    envelope = replace(seal(b"payload", attest_key()), signature=other.sign(pae(IN_TOTO, b"payload")))
    with pytest.raises(BadSignature, match="ed25519"):
        open_envelope(envelope, other.public)
