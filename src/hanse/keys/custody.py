"""Where an institution keeps its private keys: files, PKCS #11 tokens, cloud key services, Vault.

A *place* is a path, or an address of securesystemslib:

    keys/log.key                                 PEM file, mode 0600
    hsm:KEYID?label=TOKEN                        PKCS #11; PYKCS11LIB names the module, the passphrase is the PIN
    awskms:KEY  gcpkms:VERSION  azurekms://VAULT.vault.azure.net/keys/NAME/VERSION
    hv:NAME                                      HashiCorp Vault, transit engine

What is not a file needs a library that the core does not bring (`pip install 'hanse[hsm]'` and so on). The public key is asked
for once, when the place is opened; every signature from outside is verified before it is believed, so that a wrong key or a
faulty device is noticed here and not by readers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

from securesystemslib import signer as library
from securesystemslib.exceptions import UnsupportedLibraryError

from hanse.errors import BadFormat, BadSetting, BadSignature, PeerError
from hanse.keys.files import read_key
from hanse.model.publickey import PublicKey, Scheme, Signer

EXTRAS = {"hsm": "hsm", "awskms": "awskms", "gcpkms": "gcpkms", "azurekms": "azurekms", "hv": "vault"}
"""Scheme of an address -> extra of this package with the library for it."""
_P256 = "ecdsa-sha2-nistp256"


def is_address(place: str) -> bool:
    """Tell whether a place is an address of a token or service, not a path."""
    return place.partition(":")[0] in EXTRAS and ":" in place


def open_signer(place: str | Path, passphrase: str | None = None) -> Signer:
    """Return what signs with the key at a place.

    Raises BadSetting if the library for it is missing, the address is wrong, or the passphrase or PIN is missing; PeerError if
    the token or service does not answer or has no such key; StorageError for a file that is missing, damaged or not private.
    """
    if str(place).startswith("pkcs11:"):
        raise BadSetting(
            f"a key in a token is named by its number, got {str(place)[:120]!r}",
            hint="hsm:KEYID?label=TOKEN; PYKCS11LIB names the module, key_passphrase_file the PIN",
        )
    if isinstance(place, Path) or not is_address(place):
        return read_key(Path(place), passphrase)
    return RemoteSigner(place, passphrase)


class RemoteSigner:
    """Signs with a key that never leaves a token or a service (protocol `Signer`). Safe for threads: one signature at a time.

    A PKCS #11 session is opened for each signature, since a token may be pulled out and put back.
    """

    def __init__(self, place: str, passphrase: str | None) -> None:
        self._place = place
        self._lock = threading.Lock()

        def secret(_name: str) -> str:
            if passphrase is None:
                raise BadSetting(f"{place} needs a PIN", hint="put it into key_passphrase_file or HANSE_KEY_PASSPHRASE")
            return passphrase

        with self._lock:
            try:
                address, key = _IMPORT[place.partition(":")[0]](place, secret)
                self._signer = library.Signer.from_priv_key_uri(address, key, secret)
            except Exception as error:  # noqa: BLE001 the libraries document no closed list of what they raise
                self._fail("open", error)
        self.public = _public(key, place)
        self.sign(b"hanse: does this key sign?")  # a wrong PIN or missing right is found at the start, not at the first commit

    def __repr__(self) -> str:
        return f"RemoteSigner({self._place} {self.public.scheme.value} {self.public.fingerprint[:16]})"

    def sign(self, data: bytes) -> bytes:
        """Return a signature over `data`, verified; raises PeerError if there is none, BadSignature for a wrong one."""
        with self._lock:
            try:
                signature = bytes.fromhex(self._signer.sign(data).signature)
            except Exception as error:  # noqa: BLE001 as in __init__
                self._fail("sign with", error)
        try:
            self.public.verify(signature, data)
        except BadSignature as error:
            raise BadSignature(f"{self._place} gave a signature that its own public key refuses") from error
        return signature

    def _fail(self, what: str, error: Exception) -> NoReturn:
        """Raise the error of ours that tells the operator what to do about one of a library."""
        if isinstance(error, BadSetting):
            raise error
        if isinstance(error, UnsupportedLibraryError):
            extra = EXTRAS[self._place.partition(":")[0]]
            raise BadSetting(
                f"keys in {self._place} need a library that is not installed: {error}", hint=f"pip install 'hanse[{extra}]'"
            ) from error
        said = str(error) or type(error).__name__
        raise PeerError(f"cannot {what} {self._place}: {said[:300]}", hint="check the address, the PIN and the token or service")


def _public(key: Any, place: str) -> PublicKey:
    """Return the public key in the form of ours; raises BadSetting for schemes that nothing here uses."""
    try:
        if key.scheme == _P256:
            return PublicKey.from_pem(key.keyval["public"])
        if key.scheme == "ed25519":
            return PublicKey.from_raw(Scheme.ED25519, bytes.fromhex(key.keyval["public"]))
    except (BadFormat, ValueError) as error:
        raise BadSetting(f"the key in {place} cannot be read: {error}") from error
    raise BadSetting(f"the key in {place} is {key.scheme}", hint="use an ECDSA P-256 or an Ed25519 key")


def _hsm(place: str, secret: Callable[[str], str]) -> tuple[str, Any]:
    parts = urlsplit(place)
    if parts.path and not parts.path.isdigit():
        raise BadSetting(f"the key in {place} must be a number", hint="hsm:2?label=TOKEN")
    keyid = int(parts.path) if parts.path else None
    return library.HSMSigner.import_(keyid, dict(parse_qsl(parts.query)).get("label"), secret)


def _aws(place: str, _secret: Callable[[str], str]) -> tuple[str, Any]:
    return library.AWSSigner.import_(place.partition(":")[2], _P256)


def _gcp(place: str, _secret: Callable[[str], str]) -> tuple[str, Any]:
    return library.GCPSigner.import_(place.partition(":")[2])


def _azure(place: str, _secret: Callable[[str], str]) -> tuple[str, Any]:
    parts = urlsplit(place)
    path = parts.path.split("/")
    if len(path) < 3 or path[1] != "keys" or not parts.netloc:
        raise BadSetting(f"{place} is no address of a key", hint="azurekms://VAULT.vault.azure.net/keys/NAME/VERSION")
    return library.AzureSigner.import_(parts.netloc.partition(".")[0], path[2])


def _vault(place: str, _secret: Callable[[str], str]) -> tuple[str, Any]:
    return library.VaultSigner.import_(place.partition(":")[2].partition("/")[0])


_IMPORT: dict[str, Callable[[str, Callable[[str], str]], tuple[str, Any]]] = {
    "hsm": _hsm,
    "awskms": _aws,
    "gcpkms": _gcp,
    "azurekms": _azure,
    "hv": _vault,
}
