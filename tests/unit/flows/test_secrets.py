"""Keys, origin and epoch of a node, and the guard against a lost catalogue."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import URL, delete

from hanse.db.engine import Database
from hanse.db.schema import node_state
from hanse.db.state import set_state
from hanse.errors import BadSetting, StorageError
from hanse.flows.keyring import USES
from hanse.flows.secrets import NodeIdentity, derived_origin, load_or_create, open_identity, read_marker
from hanse.model.publickey import PublicKey
from hanse.model.repo import Origin

NAMED = Origin("models.example.org")


@pytest.fixture(name="data")
def _data(tmp_path: Path) -> Path:
    """Return a new data folder."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def _lose_catalogue(database: Database) -> None:
    with database.write() as conn:
        conn.execute(delete(node_state))


def _facts(identity: NodeIdentity) -> tuple[str, str, bytes, bytes]:
    return identity.origin, identity.epoch, identity.secret, identity.keys.log.public.der


def test_second_start_is_the_same_node(data: Path, database: Database) -> None:
    """Origin, epoch, secret and key are what the first start made."""
    first = open_identity(data, database, None)
    assert _facts(open_identity(data, database, None)) == _facts(first)
    assert len(first.secret) == 32
    assert len(bytes.fromhex(first.epoch)) == 4


def test_origin_from_the_key(data: Path, database: Database) -> None:
    """Without a setting the origin is `key-` and 32 hex digits of the public key's SHA-256."""
    identity = open_identity(data, database, None)
    public = identity.keys.log.public
    assert identity.origin == "key-" + hashlib.sha256(public.raw).hexdigest()[:32] == derived_origin(public)


def test_known_key_gives_known_origin() -> None:
    """The derivation never changes (key of RFC 8032, section 7.1, test 1)."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = PublicKey.from_key(Ed25519PrivateKey.from_private_bytes(seed).public_key())
    assert derived_origin(key) == "key-21fe31dfa154a261626bf854046fd227"


def test_configured_origin_is_fixed(data: Path, database: Database) -> None:
    """The first start's setting holds for ever: with it, without it, and against another one."""
    assert open_identity(data, database, NAMED).origin == NAMED
    assert open_identity(data, database, None).origin == NAMED
    with pytest.raises(BadSetting, match=r"models\.example\.org") as refusal:
        open_identity(data, database, Origin("other.example.org"))
    assert "--origin" in refusal.value.hint


def test_derived_origin_cannot_be_renamed(data: Path, database: Database) -> None:
    """A node that started without a name cannot be given one later, but may be told its own."""
    own = open_identity(data, database, None).origin
    assert open_identity(data, database, own).origin == own
    with pytest.raises(BadSetting):
        open_identity(data, database, NAMED)


def test_origin_of_another_key(data: Path, database: Database) -> None:
    """Nobody starts a node under the origin that belongs to somebody's key."""
    with pytest.raises(BadSetting, match="another key"):
        open_identity(data, database, Origin("key-" + "0" * 32))


def test_files_are_private(data: Path, database: Database) -> None:
    """Keys lie in a folder and files that only their owner can read, and are not shown by accident."""
    identity = open_identity(data, database, None)
    assert stat.S_IMODE((data / "keys").stat().st_mode) == 0o700
    assert {path.name for path in (data / "keys").iterdir()} == {"url.secret", *(f"{use}.key" for use in USES)}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (data / "keys").iterdir())
    assert (data / "keys" / "log.key").read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert repr(identity.secret) not in repr(identity)
    assert "PRIVATE" not in repr(identity.keys)


@pytest.mark.parametrize("name", ["keys", "keys/url.secret", "keys/log.key"])
def test_readable_keys_are_refused(data: Path, database: Database, name: str) -> None:
    """A key that others can read is not used; the message says how to close it."""
    open_identity(data, database, None)
    path = data / name
    path.chmod(path.stat().st_mode | 0o040)
    with pytest.raises(StorageError, match="read by others") as refusal:
        open_identity(data, database, None)
    assert refusal.value.hint.startswith("chmod ")


def test_damaged_keys_are_refused(data: Path, database: Database) -> None:
    """A secret of another length or a key of another kind is refused, never replaced."""
    identity = open_identity(data, database, None)
    (data / "keys" / "url.secret").write_bytes(b"short")
    with pytest.raises(StorageError, match="32 bytes"):
        open_identity(data, database, None)
    (data / "keys" / "url.secret").write_bytes(identity.secret)
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (other, b"", b"garbage"):
        (data / "keys" / "log.key").write_bytes(content)
        with pytest.raises(StorageError, match="key"):
            open_identity(data, database, None)
        assert (data / "keys" / "log.key").read_bytes() == content


def test_key_made_by_several_at_once(data: Path) -> None:
    """Processes that start together end with one and the same key."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: load_or_create(data / "keys" / "k", lambda: bytes([number]) * 32), range(8)))
    assert len(set(made)) == 1
    assert [path.name for path in (data / "keys").iterdir()] == ["k"]


def test_processes_that_start_together_agree(data: Path, database_url: URL) -> None:
    """Several first starts at once make one node."""

    def start(_number: int) -> tuple[str, str, bytes, bytes]:
        database = Database(database_url)
        facts = _facts(open_identity(data, database, None))
        database.close()
        return facts

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, range(4)))) == 1


def test_lost_catalogue_is_noticed(data: Path, database: Database) -> None:
    """A data folder with an empty catalogue does not become a new node over the old one's objects."""
    open_identity(data, database, NAMED)
    _lose_catalogue(database)
    with pytest.raises(StorageError, match=r"models\.example\.org") as refusal:
        open_identity(data, database, None)
    assert "hanse admin rebuild" in refusal.value.hint
    (data / "node.json").unlink()
    (data / "objects" / "xorbs" / "aa").mkdir(parents=True)
    with pytest.raises(StorageError, match="holds objects"):
        open_identity(data, database, None)


def test_rebuilding_keeps_the_origin(data: Path, database: Database) -> None:
    """A rebuilt catalogue is the same origin with the same keys, under a new epoch, and starts normally afterwards."""
    before = open_identity(data, database, NAMED)
    _lose_catalogue(database)
    with pytest.raises(BadSetting):
        open_identity(data, database, Origin("other.example.org"), rebuilding=True)
    rebuilt = open_identity(data, database, None, rebuilding=True)
    assert (rebuilt.origin, rebuilt.secret) == (before.origin, before.secret)
    assert rebuilt.epoch != before.epoch
    assert _facts(open_identity(data, database, None)) == _facts(rebuilt)


def test_rotated_key_keeps_the_origin(data: Path, database: Database) -> None:
    """An origin once derived from a key outlives that key, also through a rebuild."""
    before = open_identity(data, database, None)
    new = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (data / "keys" / "log.key").write_bytes(new)
    assert open_identity(data, database, None).origin == before.origin
    _lose_catalogue(database)
    assert open_identity(data, database, None, rebuilding=True).origin == before.origin


def test_lost_keys(data: Path, database: Database) -> None:
    """A lost log key is not silently replaced; a lost URL secret is, as that only ends tokens in use."""
    before = open_identity(data, database, None)
    (data / "keys" / "url.secret").unlink()
    assert open_identity(data, database, None).secret != before.secret
    (data / "keys" / "log.key").unlink()
    for rebuilding in (False, True):
        with pytest.raises(StorageError, match=r"log\.key"):
            open_identity(data, database, None, rebuilding=rebuilding)


def test_catalogue_of_another_node(data: Path, database: Database) -> None:
    """A catalogue and a data folder of different nodes are not mixed, in either direction."""
    open_identity(data, database, None)
    with pytest.raises(StorageError, match="is new"):
        open_identity(data.parent / "other", database, None)
    with database.write() as conn:
        set_state(conn, "catalogue", "0" * 32)
    with pytest.raises(StorageError, match="or an older copy") as refusal:
        open_identity(data, database, None)
    assert "--data" in refusal.value.hint


def test_crash_before_the_marker(data: Path, database: Database) -> None:
    """A first start that died before node.json was written is completed by the next one."""
    first = open_identity(data, database, None)
    (data / "node.json").unlink()
    assert _facts(open_identity(data, database, None)) == _facts(first)
    marker = read_marker(data)
    assert marker is not None
    assert (marker.origin, marker.epoch) == (first.origin, first.epoch)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"origin": "/", "epoch": "0", "catalogue": "0"}', '{"origin": 1}', "\udcff"]
)
def test_damaged_marker(data: Path, content: str) -> None:
    """A node.json that does not say what it must is a StorageError, not a new node."""
    (data / "node.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(StorageError, match=r"node\.json"):
        read_marker(data)


def test_marker_is_readable_json(data: Path, database: Database) -> None:
    """node.json says origin and epoch to people and to `hanse admin rebuild`, and holds no secret."""
    identity = open_identity(data, database, None)
    content = json.loads((data / "node.json").read_text())
    assert (content["version"], content["origin"], content["epoch"]) == (1, identity.origin, identity.epoch)
    copied = data.parent / "copy"
    shutil.copytree(data, copied)
    assert _facts(open_identity(copied, database, None)) == _facts(identity)
