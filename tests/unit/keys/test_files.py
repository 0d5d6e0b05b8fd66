"""Private keys in files: made once, private, encrypted on request, never replaced."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hanse.errors import BadSetting, BadSignature, StorageError
from hanse.keys.files import FileSigner, generate, make_key, parse_key, put_new, read_key
from hanse.model.publickey import PublicKey, Scheme


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "a.key"


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_round_trip(path: Path, scheme: Scheme, passphrase: str | None) -> None:
    """A key made in a file signs the same after it was read again, and its public half verifies."""
    made = make_key(path, scheme, passphrase)
    again = read_key(path, passphrase)
    assert made.public == again.public
    assert made.public.scheme is scheme
    made.public.verify(again.sign(b"data"), b"data")
    with pytest.raises(BadSignature):
        made.public.verify(again.sign(b"data"), b"other")
    assert (b"ENCRYPTED" in path.read_bytes()) == (passphrase is not None)
    assert make_key(path, scheme, passphrase).public == made.public


def test_signatures_are_plain() -> None:
    """What is signed is the data itself under the scheme's standard, without a prefix of any library."""
    for scheme in Scheme:
        signer = generate(scheme)
        PublicKey.from_der(signer.public.der).verify(signer.sign(b"data"), b"data")


def test_modes(path: Path) -> None:
    """Folder and file are their owner's alone, and leftovers of the making are gone."""
    make_key(path, Scheme.ED25519)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_readable_files_are_refused(path: Path, mode: int) -> None:
    """A key that others can read is not used, and the message says how to close it."""
    make_key(path, Scheme.ED25519)
    path.chmod(mode)
    with pytest.raises(StorageError, match="read by others") as refusal:
        read_key(path)
    assert refusal.value.hint == f"chmod 600 {path}"


def test_a_readable_folder_is_refused(path: Path) -> None:
    """Keys are made in a private folder only."""
    make_key(path, Scheme.ED25519)
    path.parent.chmod(0o750)
    with pytest.raises(StorageError, match="read by others"):
        make_key(path, Scheme.ED25519)


def test_passphrases(path: Path) -> None:
    """A missing or wrong passphrase is the operator's to mend; one that is not needed does no harm."""
    made = make_key(path, Scheme.ECDSA_P256, "right")
    for wrong in (None, "", "wrong"):
        with pytest.raises(BadSetting, match="passphrase"):
            read_key(path, wrong)
    assert read_key(path, "right").public == made.public
    plain = generate(Scheme.ED25519)
    assert parse_key(plain.pem(), "not needed", "x").public == plain.public


def test_unusable_keys(path: Path) -> None:
    """Missing, empty, damaged keys and keys of other kinds are refused, and files are left as they are."""
    with pytest.raises(StorageError, match="cannot read"):
        read_key(path)
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    curve = ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(mode=0o700)
    for content in (b"", b"garbage", generate(Scheme.ED25519).pem()[:-40], other, curve):
        path.unlink(missing_ok=True)
        put_new(path, content)
        with pytest.raises(StorageError, match="key"):
            make_key(path, Scheme.ED25519)
        assert path.read_bytes() == content


def test_made_by_several_at_once(path: Path) -> None:
    """Processes that start together end with one and the same key."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make_key(path, Scheme.ED25519).public, range(8)))
    assert len(set(made)) == 1
    assert list(path.parent.iterdir()) == [path]


def test_a_taken_name_stays(path: Path) -> None:
    """Nothing is written over a key."""
    path.parent.mkdir()
    assert put_new(path, b"one")
    assert not put_new(path, b"two")
    assert path.read_bytes() == b"one"


def test_where_no_key_can_be_made(tmp_path: Path) -> None:
    """A path below a file is a storage error that names it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot make"):
        make_key(tmp_path / "file" / "a.key", Scheme.ED25519)


def test_keys_are_not_shown() -> None:
    """Printing a signer shows which key it is and nothing of it."""
    signer = generate(Scheme.ED25519)
    assert repr(signer) == f"FileSigner(ed25519 {signer.public.fingerprint[:16]})"
    assert isinstance(signer, FileSigner)


def test_a_key_of_another_kind_and_length() -> None:
    """A key too short for its algorithm is no usable key, although OpenSSL calls it an internal error."""
    x448 = b"MC4CAQAwBQYDK2VvBCIEIIE75ZhHNWOW7Kv+XKDsR4ajnnkO4doiphrsLmVBz0KI"
    text = b"-----BEGIN PRIVATE KEY-----\n" + x448 + b"\n-----END PRIVATE KEY-----\n"
    with pytest.raises(StorageError, match="no usable private key"):
        parse_key(text, None, "it")
