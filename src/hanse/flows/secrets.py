"""What makes a node itself: its keys, its origin and the epoch of its content-addressed store.

    DATA/keys/url.secret   32 random bytes that sign Xet tokens and addresses; may be replaced, which only ends those
    DATA/keys/*.key        the keys of `hanse.flows.keyring`; the origin is derived from the log's unless one is configured
    DATA/node.json         origin, epoch and catalogue id, so that a lost catalogue is noticed and can be rebuilt

Steps of every start (`open_identity`):

1. The data folder and the catalogue must know each other: both new, or both marked with the same catalogue id.
2. Keys are read, or made at the first start.
3. Origin, epoch and catalogue id are fixed in one transaction; several processes that start together agree.
4. node.json is written last, so a crash before that is repaired by the next start.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import IntegrityError as ConstraintError

from hanse.db.engine import Database
from hanse.db.state import get_state, insert_state
from hanse.errors import BadRepoId, BadSetting, StorageError
from hanse.flows.keyring import Custody, Keyring, default_path, finish, open_keyring
from hanse.keys.files import require_private
from hanse.model.publickey import PublicKey
from hanse.model.repo import Origin, parse_origin
from hanse.store.durable import make_directory, publish, storage_errors, sync_directory, write_new

SECRET_BYTES = 32
_MARKER = "node.json"
_MAX_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Who the node is.

    origin: fixed for ever; epoch: 8 hex digits, part of every CAS address; secret: 32 bytes; keys: what it signs with.
    """

    origin: Origin
    epoch: str
    secret: bytes = field(repr=False)
    keys: Keyring = field(repr=False)


@dataclass(frozen=True, slots=True)
class Marker:
    """Content of node.json: origin and epoch at the first start, and the id of the catalogue they are fixed in."""

    origin: Origin
    epoch: str
    catalogue: str


def open_identity(
    data: Path, db: Database, configured: Origin | None, custody: Custody | None = None, *, rebuilding: bool = False
) -> NodeIdentity:
    """Return the identity of the node in the folder `data`, making it at the first start.

    configured: the `--origin` setting; custody: where keys are kept elsewhere; rebuilding: the catalogue is empty
    on purpose (`hanse admin rebuild`), so origin and keys of the data folder are taken over into it, with a new epoch. Raises
    BadSetting for another origin than the fixed one; StorageError if data folder and catalogue do not belong together or a key
    file is unsafe; what `open_keyring` raises.
    """
    marker = read_marker(data)
    with db.read() as connection:
        state = get_state(connection)
    if not rebuilding:
        _require_pair(data, marker, state)
    kept = custody or Custody()
    own_log = kept.place(data, "log") == str(default_path(data, "log"))
    if (marker is not None or state) and own_log and not default_path(data, "log").exists():
        raise StorageError(
            "keys/log.key of this node is missing", hint="restore it from a backup; a new key cannot continue the log"
        )
    secret = load_or_create(data / "keys" / "url.secret", lambda: secrets.token_bytes(SECRET_BYTES))
    if len(secret) != SECRET_BYTES:
        raise StorageError(f"keys/url.secret must have {SECRET_BYTES} bytes, got {len(secret)}", hint="restore it, or remove it")
    finish(data, kept, db)
    keys = open_keyring(data, kept)
    key = keys.log.public
    if marker is not None:
        _require_same(marker.origin, configured)
    elif not state:
        _require_honest(configured, key)
    fixed = fix_origin(db, configured if marker is None else marker.origin, key)
    if marker is None or marker.catalogue != fixed.catalogue:
        _write_marker(data, fixed)
    return NodeIdentity(fixed.origin, fixed.epoch, secret, keys)


def derived_origin(key: PublicKey) -> Origin:
    """Return `key-` and the first 32 hex digits of SHA-256(raw public key) (DESIGN.md section 4)."""
    return Origin("key-" + hashlib.sha256(key.raw).hexdigest()[:32])


def fix_origin(db: Database, configured: Origin | None, key: PublicKey) -> Marker:
    """Return the origin, epoch and catalogue id that the first start fixed; the first call fixes them.

    Raises BadSetting if `configured` is another origin than the fixed one.
    """
    try:
        with db.write() as connection:
            state = get_state(connection)
            if "origin" not in state:
                state = {
                    "origin": configured or derived_origin(key),
                    "cas_epoch": secrets.token_hex(4),
                    "catalogue": secrets.token_hex(16),
                }
                insert_state(connection, state)
    except ConstraintError:  # another process of this node was first
        with db.read() as connection:
            state = get_state(connection)
    _require_same(state["origin"], configured)
    return Marker(parse_origin(state["origin"]), state["cas_epoch"], state["catalogue"])


def read_marker(data: Path) -> Marker | None:
    """Return what DATA/node.json says, None if there is none; raises StorageError if it is damaged."""
    path = data / _MARKER
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    try:
        content = json.loads(raw[:_MAX_BYTES])
        return Marker(parse_origin(content["origin"]), str(content["epoch"]), str(content["catalogue"]))
    except (ValueError, KeyError, TypeError, BadRepoId) as error:
        raise StorageError(f"{path} is damaged", hint="restore it from a backup, it never changes") from error


def load_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the content of the key file `path`, made by `make` if it is missing; its folder is made with mode 0700.

    Several processes that start together get the same content. Raises StorageError if the file or folder may be read by
    others than its owner.
    """
    with storage_errors(f"make {path.name}"):
        if not path.exists():
            make_directory(path.parent, 0o700)
            fresh = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
            write_new(fresh, make())
            publish(fresh, path)
    require_private(path.parent)
    require_private(path)
    with storage_errors(f"read {path.name}"), path.open("rb") as file:
        return file.read(_MAX_BYTES)


def _require_same(fixed: str, configured: Origin | None) -> None:
    if configured is not None and configured != fixed:
        raise BadSetting(
            f"this node's origin was fixed as {fixed!r} at its first start and cannot become {configured!r}",
            hint="leave --origin out, or start a new node in another --data folder; names and log entries carry the origin",
        )


def _require_honest(configured: Origin | None, key: PublicKey) -> None:
    own = derived_origin(key)
    if configured is not None and configured.startswith("key-") and configured != own:
        raise BadSetting(f"origin {configured!r} is that of another key", hint=f"leave --origin out; this node's own is {own}")


def _require_pair(data: Path, marker: Marker | None, state: dict[str, str]) -> None:
    """Raise StorageError unless the data folder and the catalogue belong together, or both are new."""
    rebuild = "restore the catalogue from a backup, or run `hanse admin rebuild` to make it from objects and journal"
    if not state:
        if marker is not None:
            raise StorageError(f"{data} is the data of node {marker.origin}, but its catalogue is empty", hint=rebuild)
        if any((data / "objects").glob("*/*")):
            raise StorageError(f"{data} holds objects, but the catalogue is empty and node.json is missing", hint=rebuild)
        return
    if marker is None and not (data / "keys" / "log.key").exists():
        raise StorageError(
            f"the catalogue belongs to node {state.get('origin')}, but {data} is new",
            hint="give the --data folder that belongs to this --database (several processes share both), or restore it",
        )
    if marker is not None and marker.catalogue != state.get("catalogue"):
        raise StorageError(
            f"{data} is the data of node {marker.origin}, the catalogue that of node {state.get('origin')}, or an older copy",
            hint="give the --database that belongs to this --data folder",
        )


def _write_marker(data: Path, marker: Marker) -> None:
    content = {"version": 1, "origin": marker.origin, "epoch": marker.epoch, "catalogue": marker.catalogue}
    with storage_errors("write node.json"):
        fresh = data / f".{_MARKER}-{secrets.token_hex(8)}"
        write_new(fresh, (json.dumps(content, indent=2) + "\n").encode())
        fresh.replace(data / _MARKER)
        sync_directory(data)
