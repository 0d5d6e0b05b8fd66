"""Sigstore bundles: written as model_signing writes them, and nothing else is read."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.signing import attest_key, manifest, signed

from hanse.errors import BadFormat, BadSignature, HanseError, TooLarge
from hanse.sign import bundle as module
from hanse.sign.bundle import (
    MAX_BUNDLE_BYTES,
    MEDIA_TYPE,
    Bundle,
    VerifiedStatement,
    make_bundle,
    parse_bundle_json,
    verify_bundle,
)
from hanse.sign.dsse import IN_TOTO, pae
from hanse.sign.statement import MAX_STATEMENT_BYTES

KEY = attest_key()
BUNDLE = signed(KEY)


def test_the_exact_form() -> None:
    """Every field as model_signing 1.1.1 writes it, in canonical JSON."""
    assert json.loads(BUNDLE.encode()) == {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {
            "publicKey": {"hint": hashlib.sha256(KEY.public.pem.encode()).hexdigest()},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(manifest().encode()).decode(),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": base64.b64encode(BUNDLE.signature).decode(), "keyid": ""}],
        },
    }
    assert b"\n" not in BUNDLE.encode()


def test_round_trip() -> None:
    """What was made is read and verified, with the digest that leaves name it by."""
    found = verify_bundle(parse_bundle_json(BUNDLE.encode()), KEY.public)
    assert found.statement == manifest()
    assert found.digest == BUNDLE.digest == hashlib.sha256(manifest().encode()).hexdigest()
    assert found.key == KEY.public


def test_a_bundle_is_put_together_again() -> None:
    """Payload, signature and key, kept apart in a catalogue, give the same file."""
    assert Bundle(BUNDLE.payload, BUNDLE.signature, KEY.public).encode() == BUNDLE.encode()


def test_nobody_else_makes_verified_statements() -> None:
    """Unverified data cannot take the form of verified data."""
    with pytest.raises(TypeError):
        VerifiedStatement(manifest(), b"", b"", KEY.public)


def test_the_signature_comes_first() -> None:
    """A payload that nobody signed is not even parsed: the error is about the signature."""
    junk = Bundle(b"[" * 1000, BUNDLE.signature, KEY.public)
    with pytest.raises(BadSignature):
        verify_bundle(parse_bundle_json(junk.encode()), KEY.public)
    honest = Bundle(b"[]", KEY.sign(pae(IN_TOTO, b"[]")), KEY.public)
    with pytest.raises(BadFormat):
        verify_bundle(parse_bundle_json(honest.encode()), KEY.public)


def test_the_faulty_encoding_of_old_signers() -> None:
    """A signature over the DSSEV1 encoding of model_signing 0.2 is refused."""
    payload = manifest().encode()
    faulty = f"DSSEV1 {len(IN_TOTO)} {IN_TOTO} {len(payload)} {payload!r}".encode()
    old = Bundle(payload, KEY.sign(faulty), KEY.public)
    with pytest.raises(BadSignature):
        verify_bundle(parse_bundle_json(old.encode()), KEY.public)


def _change(fields: dict[str, Any], path: str, value: object) -> None:
    *way, last = path.split(".")
    for step in way:
        fields = fields[int(step)] if step.isdigit() else fields[step]  # type: ignore[index]
    if value is _GONE:
        del fields[last]
    else:
        fields[last] = value


_GONE = object()
_SIG = {"sig": base64.b64encode(BUNDLE.signature).decode(), "keyid": ""}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("mediaType", "application/vnd.dev.sigstore.bundle.v0.2+json"),
        ("mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.3"),
        ("mediaType", _GONE),
        ("mediaType", 1),
        ("messageSignature", {}),
        ("extra", 1),
        ("dsseEnvelope", _GONE),
        ("dsseEnvelope", []),
        ("dsseEnvelope.extra", 1),
        ("dsseEnvelope.payload", "*"),
        ("dsseEnvelope.payload", "YQ"),
        ("dsseEnvelope.payload", "YQ==\n"),
        ("dsseEnvelope.payload", "-_=="),
        ("dsseEnvelope.payload", None),
        ("dsseEnvelope.payloadType", _GONE),
        ("dsseEnvelope.signatures", []),
        ("dsseEnvelope.signatures", [_SIG, _SIG]),
        ("dsseEnvelope.signatures", ["x"]),
        ("dsseEnvelope.signatures", {}),
        ("dsseEnvelope.signatures.0.sig", _GONE),
        ("dsseEnvelope.signatures.0.sig", base64.b64encode(b"x" * 73).decode()),
        ("dsseEnvelope.signatures.0.cert", "x"),
        ("dsseEnvelope.signatures.0.keyid", 1),
        ("verificationMaterial", _GONE),
        ("verificationMaterial.certificate", {"rawBytes": ""}),
        ("verificationMaterial.x509CertificateChain", {}),
        ("verificationMaterial.publicKey", _GONE),
        ("verificationMaterial.publicKey.rawBytes", ""),
        ("verificationMaterial.publicKey.hint", 1),
        ("verificationMaterial.publicKey.hint", "x" * 1025),
        ("verificationMaterial.extra", 1),
    ],
)
def test_other_shapes_are_refused(path: str, value: object) -> None:
    """Another media type, several signatures, certificates, other content, unknown and missing fields, loose base64."""
    fields = json.loads(BUNDLE.encode())
    _change(fields, path, value)
    with pytest.raises((BadFormat, TooLarge)):
        parse_bundle_json(json.dumps(fields).encode())


def test_what_may_vary() -> None:
    """Form of the JSON, log entries (not looked at), and a missing hint and key id do not matter."""
    fields = json.loads(BUNDLE.encode())
    del fields["verificationMaterial"]["publicKey"]["hint"], fields["dsseEnvelope"]["signatures"][0]["keyid"]
    fields["verificationMaterial"]["tlogEntries"] = [{"logIndex": "1"}]
    verify_bundle(parse_bundle_json(json.dumps(fields, indent=4).encode()), KEY.public)


@pytest.mark.parametrize(
    "field",
    [b'"payload":', b'"mediaType":', b'"signatures":', b'"payloadType":', b'"publicKey":'],
    ids=lambda field: field.decode(),
)
def test_fields_that_are_there_twice(field: bytes) -> None:
    """A second field of the same name is refused, whichever reader would take the first and whichever the last."""
    data = BUNDLE.encode()
    assert data.count(field) == 1
    with pytest.raises(BadFormat, match="twice"):
        parse_bundle_json(data.replace(field, field + b'"x",' + field))


def test_huge_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is long is refused before it is decoded: the file, the payload, many values."""
    with pytest.raises(TooLarge):
        parse_bundle_json(b" " * (MAX_BUNDLE_BYTES + 1))
    fields = json.loads(BUNDLE.encode())
    fields["verificationMaterial"]["tlogEntries"] = [{}] * 2000
    with pytest.raises(TooLarge):
        parse_bundle_json(json.dumps(fields).encode())
    monkeypatch.setattr(module, "MAX_STATEMENT_BYTES", 100)
    with pytest.raises(TooLarge, match="payload"):
        parse_bundle_json(BUNDLE.encode())
    assert MAX_BUNDLE_BYTES > MAX_STATEMENT_BYTES * 4 // 3


@pytest.mark.parametrize("cut", [lambda data: data[:-1], lambda data: data[: len(data) // 2], lambda _: b""])
def test_truncation(cut: Callable[[bytes], bytes]) -> None:
    """A truncated bundle is refused with an error of ours."""
    with pytest.raises(HanseError):
        parse_bundle_json(cut(BUNDLE.encode()))


def test_another_signers_bundle() -> None:
    """The right form with the wrong key is a lie, not a format error."""
    other = make_bundle(manifest(), attest_key())
    with pytest.raises(BadSignature):
        verify_bundle(parse_bundle_json(other.encode()), KEY.public)
