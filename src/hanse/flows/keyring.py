"""The five keys of a node: who it is to readers of its log, to other logs, and to those who weigh its word.

    log      signs checkpoints of the node's own log              Ed25519
    witness  cosigns other logs: append-only, nothing more        Ed25519
    mirror   cosigns other logs that were replayed and are held   Ed25519
    attest   signs statements                                     ECDSA P-256
    ref      signs positions of refs                              ECDSA P-256

They are separate, so that one can be kept elsewhere, lost or replaced without the others. Made at the first start as
DATA/keys/NAME.key; a setting `key_NAME` names another place (`hanse.keys.custody`), where an institution keeps its own. A place
that is named must hold a key already: only the default files are made here.

Where the setting `witness_ml_dsa` says so, the witness has a second key, ML-DSA-44, in keys/witness-ml-dsa.key, and cosigns with
both. The witness key vouches for it and takes it along when it is replaced: a second key that the log has ended is put away at
the next start, and a new one is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hanse.db import logkeys
from hanse.db.engine import Database
from hanse.errors import BadSetting, StorageError
from hanse.keys.custody import is_address, open_signer
from hanse.keys.files import exchange, make_key, read_key, require_private
from hanse.model.publickey import PublicKey, Scheme, Signer

USES: Mapping[str, Scheme] = {
    "log": Scheme.ED25519,
    "witness": Scheme.ED25519,
    "mirror": Scheme.ED25519,
    "attest": Scheme.ECDSA_P256,
    "ref": Scheme.ECDSA_P256,
}
"""What each key signs with: public witnesses take Ed25519 logs only, verifiers of Model Signing bundles P-256 only."""
ML_DSA = "witness-ml-dsa"
"""The name of the witness's second key."""
_MAX_PASSPHRASE = 4096


@dataclass(frozen=True, slots=True)
class Custody:
    """Where keys are kept.

    places: use -> place, for those not in the data folder; passphrase: of encrypted files, PIN of tokens; ml_dsa: whether the
    witness has its second key.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    passphrase: str | None = field(default=None, repr=False)
    ml_dsa: bool = False

    def place(self, data: Path, use: str) -> str:
        """Return where the key of a use is."""
        return self.places.get(use) or str(default_path(data, use))


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of a node, ready to sign."""

    log: Signer
    witness: Signer
    mirror: Signer
    attest: Signer
    ref: Signer
    witness_ml_dsa: Signer | None = None

    @property
    def witnesses(self) -> tuple[Signer, ...]:
        """What the witness cosigns with."""
        return (self.witness,) if self.witness_ml_dsa is None else (self.witness, self.witness_ml_dsa)

    @property
    def named(self) -> dict[str, Signer]:
        """All keys that there are, by name."""
        found = {use: self.of(use) for use in USES}
        return found if self.witness_ml_dsa is None else {**found, ML_DSA: self.witness_ml_dsa}

    def of(self, use: str) -> Signer:
        """Return the key of a use by its name; raises BadSetting for the witness's second key where there is none."""
        found: Signer | None = getattr(self, use.replace("-", "_"))
        if found is None:
            raise BadSetting("this node's witness has no ML-DSA-44 key", hint="set witness_ml_dsa and restart the node")
        return found


def default_path(data: Path, use: str) -> Path:
    """Return where the key of a use is unless a setting says otherwise."""
    return data / "keys" / f"{use}.key"


def open_keyring(data: Path, custody: Custody) -> Keyring:
    """Return the keys of the node in the folder `data`; keys in the data folder that are missing are made.

    Raises BadSetting, StorageError or PeerError if one cannot be had, BadSetting if it has the wrong scheme for its use.
    """
    keys = {use: open_key(data, custody, use) for use in USES}
    second = make_key(default_path(data, ML_DSA), Scheme.ML_DSA_44, custody.passphrase) if custody.ml_dsa else None
    if second is not None and second.public.scheme is not Scheme.ML_DSA_44:
        raise StorageError(f"keys/{ML_DSA}.key holds a key of {second.public.scheme.value}", hint="restore it from a backup")
    return Keyring(**keys, witness_ml_dsa=second)


def open_key(data: Path, custody: Custody, use: str) -> Signer:
    """Return one of the node's keys; raises as `open_keyring` does."""
    scheme = USES[use]
    place = custody.place(data, use)
    path = default_path(data, use)
    signer = make_key(path, scheme, custody.passphrase) if place == str(path) else open_signer(place, custody.passphrase)
    if signer.public.scheme is scheme:
        return signer
    message = f"the {use} key must be {scheme.value}, the one in {place} is {signer.public.scheme.value}"
    if is_address(place):
        raise BadSetting(message, hint=f"name another place with key_{use}, or leave it out to keep the key in a file")
    raise StorageError(message, hint="restore it from a backup")


def next_path(data: Path, use: str) -> Path:
    """Return where a new key lies while it replaces the one of a use (`hanse.flows.keychanges`)."""
    path = default_path(data, use)
    return path.with_name(f"{path.name}.next")


def put_in_place(data: Path, use: str, old: PublicKey) -> Path:
    """Give the new key its name and return the one that the old one has now; raises StorageError."""
    path = default_path(data, use)
    kept = path.with_name(f"{path.name}.{old.fingerprint[:16]}")
    exchange(next_path(data, use), path, kept)
    return kept


def finish(data: Path, custody: Custody, db: Database) -> None:
    """Complete rotations that ended between the log and the files; called at every start before keys are opened."""
    if custody.ml_dsa:
        _put_ended_away(data, custody, db)
    for use in USES:
        path = default_path(data, use)
        if custody.place(data, use) != str(path) or not next_path(data, use).exists() or not path.exists():
            continue
        new = read_key(next_path(data, use), custody.passphrase).public
        with db.read() as conn:
            known = logkeys.get(conn, use, "", new.fingerprint)
        if known is not None and known.state == "active":
            put_in_place(data, use, read_key(path, custody.passphrase).public)


def _put_ended_away(data: Path, custody: Custody, db: Database) -> None:
    """Rename the witness's second key if the log has ended it, so that a new one is made."""
    path = default_path(data, ML_DSA)
    if not path.exists():
        return
    public = read_key(path, custody.passphrase).public
    with db.read() as conn:
        known = logkeys.get(conn, "witness", "", public.fingerprint)
    if known is not None and known.state != "active":
        try:
            path.replace(path.with_name(f"{path.name}.{public.fingerprint[:16]}"))
        except FileNotFoundError:  # another process of this node was first
            return
        except OSError as error:
            raise StorageError(f"cannot put {path} away: {error.strerror}") from error


def read_passphrase(path: Path) -> str:
    """Return the passphrase in a file: its content without the line end; raises StorageError or BadSetting."""
    try:
        require_private(path)
        with path.open("rb") as file:
            text = file.read(_MAX_PASSPHRASE + 1).decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise StorageError(f"cannot read the passphrase in {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadSetting(f"the passphrase in {path} must be UTF-8 text") from error
    if not 0 < len(text) <= _MAX_PASSPHRASE:
        raise BadSetting(f"the passphrase in {path} must have 1 to {_MAX_PASSPHRASE} characters")
    return text
