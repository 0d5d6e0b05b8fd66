"""Fuzz targets of signing: bundles, statements, manifests, keys, and what is read strictly."""

from __future__ import annotations

import json

from tests.fuzz.runner import Target
from tests.support.signing import attest_key, manifest, signed

from hanse.errors import HanseError
from hanse.keys.files import generate, parse_key
from hanse.model.publickey import PublicKey, Scheme
from hanse.model.strictjson import parse_strict
from hanse.sign.bundle import Bundle, parse_bundle_json, verify_bundle
from hanse.sign.dsse import IN_TOTO, pae
from hanse.sign.oms import parse_manifest
from hanse.sign.statement import parse_statement

_KEY = attest_key()
_JSON = (b"{}", b"[]", b'""', b"null", b"1e999", b"NaN", b'"\\ud800"', b",", b'"a":1,"a":2', b"[[[[[[[[")


def sigstore_bundle(data: bytes) -> None:
    """Read and verify a bundle: whatever verifies has the payload that was signed."""
    found = verify_bundle(parse_bundle_json(data), _KEY.public)
    assert found.payload == signed(_KEY).payload


def statement(data: bytes) -> None:
    """Read a statement: what is accepted is about the same things when it is written in its own form and read again."""
    found = parse_statement(data)
    try:
        again = parse_statement(found.encode())
    except HanseError:
        return  # numbers that canonical JSON cannot write
    assert (again.subjects, again.predicate_type, again.predicate.keys()) == (
        found.subjects,
        found.predicate_type,
        found.predicate.keys(),
    )


def oms_manifest(data: bytes) -> None:
    """Read a manifest that somebody signed, whatever it says: its files have different safe names."""
    envelope = Bundle(data, _KEY.sign(pae(IN_TOTO, data)), _KEY.public)
    found = parse_manifest(verify_bundle(parse_bundle_json(envelope.encode()), _KEY.public), own_file="model.sig")
    names = [file.path for file in found.files]
    assert len(set(names)) == len(names)
    assert not any(name.startswith("/") or ".." in name.split("/") for name in names)


def strict_json(data: bytes) -> None:
    """Read JSON strictly: the value is the one that every reader sees."""
    assert parse_strict(data, "a thing", 1 << 16) == json.loads(data)


def public_key(data: bytes) -> None:
    """Read a public key in any of its forms: what is accepted has one DER form."""
    for read in (PublicKey.from_pem, PublicKey.from_der, lambda text: PublicKey.from_text(text.decode("latin-1"))):
        try:
            found = read(data)
        except HanseError:
            continue
        assert PublicKey.from_der(found.der) == PublicKey.from_text(found.text) == PublicKey.from_pem(found.pem) == found


def private_key(data: bytes) -> None:
    """Read a private key in PEM: what is accepted signs."""
    signer = parse_key(data, "wrong", "it")
    signer.public.verify(signer.sign(b"x"), b"x")


SIGN_TARGETS: dict[str, Target] = {
    "sigstore_bundle": Target(sigstore_bundle, [signed(_KEY).encode()], (*_JSON, b'"signatures":[', b'"payload":"')),
    "statement": Target(statement, [manifest().encode()], (*_JSON, b'"subject":[{"digest":{"sha256":"00"}}]', b"-0", b"1.0")),
    "oms_manifest": Target(oms_manifest, [manifest().encode()], (*_JSON, b'"../x"', b'"ignore_paths":["."]', b'"size":-1')),
    "strict_json": Target(strict_json, [b'{"a":[1,2.5,"x",{"b":null}]}', manifest().encode()], _JSON),
    "public_key": Target(
        public_key, [generate(scheme).public.pem.encode() for scheme in Scheme] + [_KEY.public.der, _KEY.public.text.encode()]
    ),
    "private_key": Target(private_key, [generate(scheme).pem() for scheme in Scheme], (b"ENCRYPTED ", b"RSA ", b"EC ")),
}
