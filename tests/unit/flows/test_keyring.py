"""The keys of a node: five, separate, each of its own kind, wherever they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL

from hanse.db.engine import Database
from hanse.errors import BadSetting, StorageError
from hanse.flows.keyring import USES, Custody, default_path, finish, next_path, open_key, open_keyring, read_passphrase
from hanse.keys.files import make_key
from hanse.model.publickey import Scheme


def test_first_start_makes_five(tmp_path: Path) -> None:
    """Each use has a key of its own and of its scheme, which the next start finds again."""
    keys = open_keyring(tmp_path, Custody())
    made = [keys.of(use).public for use in USES]
    assert len(set(made)) == 5
    assert [key.scheme for key in made] == list(USES.values())
    assert {path.name for path in (tmp_path / "keys").iterdir()} == {f"{use}.key" for use in USES}
    assert [open_keyring(tmp_path, Custody()).of(use).public for use in USES] == made


def test_a_key_kept_elsewhere(tmp_path: Path) -> None:
    """A place that a setting names is used as it is; none is made in the data folder for it."""
    elsewhere = tmp_path / "vault" / "ours.pem"
    made = make_key(elsewhere, Scheme.ECDSA_P256)
    data = tmp_path / "data"
    keys = open_keyring(data, Custody({"attest": str(elsewhere)}))
    assert keys.attest.public == made.public
    assert not default_path(data, "attest").exists()


def test_a_named_place_must_hold_a_key(tmp_path: Path) -> None:
    """A mistyped path is an error, not a fresh key."""
    wrong = tmp_path / "mistyped.pem"
    with pytest.raises(StorageError, match="mistyped"):
        open_keyring(tmp_path, Custody({"ref": str(wrong)}))
    assert not wrong.exists()


@pytest.mark.parametrize(("use", "scheme"), [("log", Scheme.ECDSA_P256), ("attest", Scheme.ED25519), ("ref", Scheme.ML_DSA_44)])
def test_a_key_of_another_kind(tmp_path: Path, use: str, scheme: Scheme) -> None:
    """A key that readers of its signatures could not verify is refused at the start."""
    make_key(default_path(tmp_path, use), scheme)
    with pytest.raises(StorageError, match=f"the {use} key must be"):
        open_key(tmp_path, Custody(), use)


def test_encrypted_keys(tmp_path: Path) -> None:
    """With a passphrase new keys are encrypted; without it the node does not start, and the setting that helps is named."""
    custody = Custody(passphrase="correct horse")
    made = open_keyring(tmp_path, custody)
    assert all(b"ENCRYPTED" in default_path(tmp_path, use).read_bytes() for use in USES)
    assert open_keyring(tmp_path, custody).ref.public == made.ref.public
    with pytest.raises(BadSetting) as refusal:
        open_keyring(tmp_path, Custody())
    assert "key_passphrase_file" in refusal.value.hint
    assert "correct horse" not in repr(custody)


def test_nothing_is_finished_without_need(tmp_path: Path, sqlite_url: URL) -> None:
    """A start without a rotation under way, or with a new key that the log does not know, touches no key."""
    database = Database(sqlite_url)
    database.migrate()
    keys = open_keyring(tmp_path, Custody())
    finish(tmp_path, Custody(), database)
    make_key(next_path(tmp_path, "log"), Scheme.ED25519)
    finish(tmp_path, Custody(), database)
    finish(tmp_path, Custody({"log": "elsewhere"}), database)
    database.close()
    assert open_keyring(tmp_path, Custody()).log.public == keys.log.public
    assert next_path(tmp_path, "log").exists()


def test_passphrase_files(tmp_path: Path) -> None:
    """The passphrase is the file's content without its line end, and the file is private."""
    path = tmp_path / "passphrase"
    path.write_bytes("pässword \r\n".encode())
    path.chmod(0o600)
    assert read_passphrase(path) == "pässword "
    for content in (b"", b"\n", b"\xff", b"x" * 5000):
        path.write_bytes(content)
        with pytest.raises(BadSetting):
            read_passphrase(path)
    path.chmod(0o640)
    with pytest.raises(StorageError, match="read by others"):
        read_passphrase(path)
    with pytest.raises(StorageError, match="cannot read"):
        read_passphrase(tmp_path / "nowhere")
