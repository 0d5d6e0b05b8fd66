"""What a node of any kind opens first: its catalogue and its keys, where the settings say that they are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, make_url

from hanse.clock import SystemClock
from hanse.db.engine import Database, sqlite_url
from hanse.flows.keeper import WitnessNode
from hanse.flows.keyring import Custody, read_passphrase
from hanse.flows.secrets import open_identity
from hanse.settings import Settings
from hanse.store.durable import make_directory, storage_errors
from hanse.store.local import LocalStore

_MIGRATE = "import sys; from hanse.db.engine import Database; db = Database(sys.stdin.read()); db.migrate(); db.close()"


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
    with storage_errors("make the data folder"):
        make_directory(settings.data, 0o700, above=0o755)
    db = Database(database_url(settings))
    try:
        _migrate_apart(db)
        identity = open_identity(settings.data, db, settings.origin, custody_of(settings))
        yield WitnessNode(identity.origin, identity.keys, db, LocalStore(settings.data / "objects"), SystemClock())
    finally:
        db.close()


def _migrate_apart(db: Database) -> None:
    """Bring the catalogue up to this version, in a program of its own: what that loads is no part of a witness's few MB.

    Raises StorageError or Busy.
    """
    if not db.is_newest():
        said = db.url.render_as_string(hide_password=False)
        subprocess.run([sys.executable, "-c", _MIGRATE], input=said, text=True, capture_output=True, check=False)  # noqa: S603
    db.migrate()  # finds nothing to do, or says what is wrong
