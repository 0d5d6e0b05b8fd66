"""What a node must not forget as a cosigner, carried over when its catalogue is made again (`hanse admin rebuild`).

The sizes it cosigned last are in no journal. A witness that forgot them could cosign a fork, so either the former catalogue still
tells them, or the keys with which it cosigned are put away and new ones are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, insert, select
from sqlalchemy.exc import SQLAlchemyError

from hanse.db.engine import Database
from hanse.db.schema_trust import alarms, cosigners, witnessed
from hanse.errors import HanseError
from hanse.flows.keyring import ML_DSA, default_path
from hanse.store.durable import storage_errors, sync_directory

_TABLES = (witnessed, cosigners, alarms)
COSIGNING = ("witness", ML_DSA, "mirror")
_MAX_NUMBER = 10_000


@dataclass(frozen=True, slots=True)
class WitnessState:
    """Rows of the tables that nothing else tells, by table name."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]]


def read_state(url: URL) -> WitnessState | None:
    """Return the state in a former catalogue; None if it cannot be read any more, whatever the reason."""
    try:
        db = Database(url)
        try:
            with db.read() as conn:
                rows = {table.name: [dict(row) for row in conn.execute(select(table)).mappings()] for table in _TABLES}
        finally:
            db.close()
    except (HanseError, SQLAlchemyError):
        return None
    return WitnessState(rows)


def write_state(db: Database, state: WitnessState) -> None:
    """Put a state into an empty catalogue."""
    with db.write() as conn:
        for table in _TABLES:
            if state.rows[table.name]:
                conn.execute(insert(table), [dict(row) for row in state.rows[table.name]])


def put_keys_away(data: Path) -> list[Path]:
    """Rename the key files with which the node cosigned, so that new ones are made; return their new names.

    Keys that are kept elsewhere are for the operator to replace.
    """
    moved = []
    for use in COSIGNING:
        path = default_path(data, use)
        if not path.exists():
            continue
        number = next(n for n in range(1, _MAX_NUMBER) if not path.with_name(f"{path.name}.lost-{n}").exists())
        with storage_errors(f"put {path.name} away"):
            moved.append(path.rename(path.with_name(f"{path.name}.lost-{number}")))
            sync_directory(path.parent)
    return moved
