"""Private keys in files: PEM (PKCS #8), mode 0600, encrypted where a passphrase is given.

A key is made once: several processes that start together get the same one, and a crash leaves either no key or a whole one. The
signing itself is that of securesystemslib, except for ML-DSA-44, where its signer adds a prefix that belongs to TUF.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from hanse.errors import BadFormat, BadSetting, StorageError
from hanse.model.publickey import PublicKey, Scheme, Signer

MAX_FILE_BYTES = 16_384
_PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | MLDSA44PrivateKey
_RESTORE = "restore it from a backup"


class FileSigner:
    """Signs with a private key in memory (protocol `Signer`). Safe for threads."""

    def __init__(self, key: _PrivateKey) -> None:
        self._key = key
        self.public = PublicKey.from_key(key.public_key())
        self._signer = None if isinstance(key, MLDSA44PrivateKey) else CryptoSigner(key)

    def __repr__(self) -> str:
        return f"FileSigner({self.public.scheme.value} {self.public.fingerprint[:16]})"

    def sign(self, data: bytes) -> bytes:
        """Return a signature over `data`."""
        if self._signer is None:
            assert isinstance(self._key, MLDSA44PrivateKey)
            return self._key.sign(data)
        return bytes.fromhex(self._signer.sign(data).signature)

    def pem(self, passphrase: str | None = None) -> bytes:
        """Return the private key as PEM text, encrypted if there is a passphrase."""
        how = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def generate(scheme: Scheme) -> FileSigner:
    """Return a new key."""
    if scheme is Scheme.ED25519:
        return FileSigner(Ed25519PrivateKey.generate())
    if scheme is Scheme.ML_DSA_44:
        return FileSigner(MLDSA44PrivateKey.generate())
    return FileSigner(ec.generate_private_key(ec.SECP256R1()))


def make_key(path: Path, scheme: Scheme, passphrase: str | None = None) -> Signer:
    """Return the key in the file `path`, made if the file is missing; raises StorageError as `read_key` does.

    The folder above is made with mode 0700 if it is missing, and must be private too.
    """
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            put_new(path, generate(scheme).pem(passphrase))
            with suppress(PermissionError):
                _sync(path.parent.parent)
        require_private(path.parent)
    except OSError as error:
        raise StorageError(f"cannot make {path}: {error.strerror}") from error
    return read_key(path, passphrase)


def put_new(path: Path, data: bytes) -> bool:
    """Write a file of mode 0600, durable on return, unless the name is taken; tell whether it was written; raises OSError."""
    fresh = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.write(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        try:
            os.link(fresh, path)
        except FileExistsError:
            return False
    finally:
        fresh.unlink(missing_ok=True)
        _sync(path.parent)
    return True


def exchange(new: Path, path: Path, kept: Path) -> None:
    """Give the file `new` the name `path`, and what was there the name `kept`; raises StorageError.

    There is a whole key under `path` at every moment, and a second call after a crash completes the first.
    """
    try:
        kept.unlink(missing_ok=True)
        os.link(path, kept)
        new.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise StorageError(f"cannot put {path} in place: {error.strerror}") from error


def read_key(path: Path, passphrase: str | None = None) -> FileSigner:
    """Return the key in a PEM file. A passphrase that a plain file does not need is not used.

    Raises StorageError if the file is missing, may be read by others, or holds no usable key; BadSetting for a missing or wrong
    passphrase.
    """
    try:
        require_private(path)
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise StorageError(f"cannot read the key {path}: {error.strerror}", hint=_RESTORE) from error
    return parse_key(data, passphrase, str(path))


def parse_key(data: bytes, passphrase: str | None, where: str) -> FileSigner:
    """Return the private key in PEM text; `where` names it in messages. Raises StorageError or BadSetting as `read_key` does."""
    encrypted = b"ENCRYPTED" in data
    if encrypted and not passphrase:
        raise BadSetting(
            f"{where} is encrypted and there is no passphrase",
            hint="put it into a file of mode 0600 named by key_passphrase_file, or into HANSE_KEY_PASSPHRASE",
        )
    try:
        key = load_pem_private_key(data, passphrase.encode() if encrypted and passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        if encrypted:
            raise BadSetting(f"the passphrase does not open {where}") from error
        raise StorageError(f"{where} holds no usable private key", hint=_RESTORE) from error
    if not isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | MLDSA44PrivateKey):
        raise StorageError(f"{where} must hold an Ed25519, ECDSA P-256 or ML-DSA-44 key", hint=_RESTORE)
    try:
        return FileSigner(key)
    except BadFormat as error:
        raise StorageError(f"{where}: {error.message}", hint=_RESTORE) from error


def require_private(path: Path) -> None:
    """Raise StorageError if a file or folder may be read by others than its owner; OSError if it is missing."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        right = "700" if path.is_dir() else "600"
        raise StorageError(f"{path} may be read by others (mode {mode:03o})", hint=f"chmod {right} {path}")


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
