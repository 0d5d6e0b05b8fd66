"""What a node of any kind opens first: its catalogue and its keys, where the settings say that they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, make_url

from hanse.clock import SystemClock
from hanse.db.engine import Database, sqlite_url
from hanse.flows.keeper import WitnessNode
from hanse.flows.keyring import Custody, read_passphrase
from hanse.flows.secrets import open_identity
from hanse.settings import Settings
from hanse.store.local import LocalStore


def database_url(settings: Settings) -> URL:
    """Return the catalogue's address: the setting, else SQLite inside the data folder."""
    return make_url(settings.database) if settings.database else sqlite_url(settings.data / "hanse.db")


def custody_of(settings: Settings) -> Custody:
    """Return where the settings say that keys are kept; raises BadSetting or StorageError for an unusable passphrase file."""
    places = {
        "log": settings.key_log,
        "witness": settings.key_witness,
        "mirror": settings.key_mirror,
        "attest": settings.key_attest,
        "ref": settings.key_ref,
    }
    file = settings.key_passphrase_file
    passphrase = settings.key_passphrase if file is None else read_passphrase(file)
    return Custody({use: place for use, place in places.items() if place}, passphrase, settings.witness_ml_dsa)


@contextmanager
def opened_witness(settings: Settings) -> Iterator[WitnessNode]:
    """Open or create a node as far as cosigning needs it, for the length of a `with` block; raises as `open_node` does."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    db = Database(database_url(settings))
    try:
        db.migrate()
        identity = open_identity(settings.data, db, settings.origin, custody_of(settings))
        yield WitnessNode(identity.origin, identity.keys, db, LocalStore(settings.data / "objects"), SystemClock())
    finally:
        db.close()
