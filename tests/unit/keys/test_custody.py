"""Keys that are kept elsewhere: a real PKCS #11 token (SoftHSM), and services whose libraries are not installed here."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.signing import manifest
from tests.support.softtoken import PIN, make_token

from hanse.errors import BadSetting, PeerError, StorageError
from hanse.flows.keyring import Custody, open_key, open_keyring
from hanse.keys.custody import EXTRAS, is_address, open_signer
from hanse.keys.files import FileSigner, generate, put_new
from hanse.model.publickey import Scheme
from hanse.sign.bundle import make_bundle, parse_bundle_json, verify_bundle


@pytest.fixture(name="token", scope="module")
def _token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileSigner]:
    """Make a token `hanse` with an ECDSA P-256 key of number 2, and return what signs with the same key."""
    key = generate(Scheme.ECDSA_P256)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in make_token(tmp_path_factory.mktemp("token"), {2: key}).items():
            patch.setenv(name, value)
        yield key


def test_a_token_signs(token: FileSigner) -> None:
    """The key in the token signs statements that verify like any others, and never leaves it."""
    signer = open_signer("hsm:2?label=hanse", PIN)
    assert signer.public == token.public
    made = make_bundle(manifest(), signer)
    assert verify_bundle(parse_bundle_json(made.encode()), token.public).statement == manifest()
    assert repr(signer) == f"RemoteSigner(hsm:2?label=hanse ecdsa-p256 {token.public.fingerprint[:16]})"


def test_threads_share_a_token(token: FileSigner) -> None:
    """Several threads sign at the same time; the token sees one login after the other."""
    signer = open_signer("hsm:2?label=hanse", PIN)
    with ThreadPoolExecutor(4) as pool:
        signatures = list(pool.map(lambda at: signer.sign(b"%d" % at), range(16)))
    for at, signature in enumerate(signatures):
        token.public.verify(signature, b"%d" % at)


@pytest.mark.parametrize(
    ("place", "pin", "kind"),
    [
        ("hsm:3?label=hanse", PIN, PeerError),
        ("hsm:2?label=other", PIN, PeerError),
        ("hsm:2?label=hanse", "000000", PeerError),
        ("hsm:2?label=hanse", None, BadSetting),
        ("hsm:attest?label=hanse", PIN, BadSetting),
    ],
)
def test_tokens_that_cannot_sign(token: FileSigner, place: str, pin: str | None, kind: type[Exception]) -> None:
    """No such key, no such token, a wrong or missing PIN: known when the node starts, with a hint, without the PIN in it."""
    with pytest.raises(kind) as refusal:
        open_signer(place, pin)
    assert "123456" not in str(refusal.value)


def test_a_node_with_a_token(token: FileSigner, tmp_path: Path) -> None:
    """A setting puts the key of statements into the token; the others are made as files; the log's kind does not fit there."""
    keys = open_keyring(tmp_path, Custody({"attest": "hsm:2?label=hanse"}, PIN))
    assert keys.attest.public == token.public
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["log.key", "mirror.key", "ref.key", "witness.key"]
    with pytest.raises(BadSetting, match="the log key must be ed25519") as refusal:
        open_key(tmp_path, Custody({"log": "hsm:2?label=hanse"}, PIN), "log")
    assert "key_log" in refusal.value.hint


@pytest.mark.parametrize(
    ("place", "extra"),
    [
        ("awskms:alias/hanse", "awskms"),
        ("gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1", "gcpkms"),
        ("azurekms://ours.vault.azure.net/keys/attest/1", "azurekms"),
        ("hv:hanse-log", "vault"),
    ],
)
def test_services_without_their_library(place: str, extra: str) -> None:
    """A key service whose library is missing is refused with the command that installs it."""
    with pytest.raises(BadSetting, match="not installed") as refusal:
        open_signer(place)
    assert refusal.value.hint == f"pip install 'hanse[{extra}]'"


def test_addresses_that_are_none() -> None:
    """An address without the parts that its service needs is refused before anything is asked; a PKCS #11 URI gets our form."""
    with pytest.raises(BadSetting, match="by its number") as refusal:
        open_signer("pkcs11:token=hanse;id=%02", PIN)
    assert "hsm:KEYID?label=TOKEN" in refusal.value.hint
    with pytest.raises(BadSetting, match="no address"):
        open_signer("azurekms:hanse")


def test_paths_and_addresses(tmp_path: Path) -> None:
    """Whatever starts with a known scheme is an address, the rest are paths."""
    assert all(is_address(f"{scheme}:x") for scheme in EXTRAS)
    assert not any(is_address(place) for place in ("hsm", "/hsm:2", "keys/a.key", "file:x"))
    made = generate(Scheme.ECDSA_P256)
    put_new(tmp_path / "a.key", made.pem())
    assert open_signer(tmp_path / "a.key").public == open_signer(str(tmp_path / "a.key")).public == made.public
    with pytest.raises(StorageError):
        open_signer("nowhere.pem")
