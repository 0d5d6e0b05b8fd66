"""Facts of contents: rows of `scans`, one for each SHA-256, whoever holds files with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hanse.db.batch import batches
from hanse.db.blobs import FileRow
from hanse.db.schema import files
from hanse.db.schema_scans import scans
from hanse.model.digest import Sha256, XetHash

_FILE = (files.c.id, files.c.xet, files.c.sha256, files.c.size, files.c.terms, files.c.chunks, files.c.erased)


@dataclass(frozen=True, slots=True)
class ScanRow:
    """What was seen in one content.

    scanner: id of the version that looked; size: bytes of the content; facts: compressed canonical JSON; others: JSON of what
    other scanners said, None if none was asked.
    """

    sha256: Sha256
    scanner: str
    size: int
    facts: bytes
    others: str | None
    created_at: int


def put(conn: Connection, rows: Sequence[ScanRow]) -> None:
    """Record facts; those of the same content by an older look are replaced, but not what other scanners said."""
    made = [{name: getattr(row, name) for name in ScanRow.__slots__} for row in {row.sha256: row for row in rows}.values()]
    heard = [row for row in made if row["others"] is not None]
    upsert(conn, scans, [row for row in made if row["others"] is None], ("scanner", "size", "facts", "created_at"))
    upsert(conn, scans, heard, ("scanner", "size", "facts", "others", "created_at"))


def upsert(
    conn: Connection, table: Table, rows: Sequence[dict[str, object]], replaced: Iterable[str], sticky: Iterable[str] = ()
) -> None:
    """Insert rows; of those whose key exists the columns in `replaced` are set, those in `sticky` stay true once they are."""
    if not rows:
        return
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    keys = list(table.primary_key.columns)
    values: dict[str, object] = {name: insert.excluded[name] for name in replaced}
    values |= {name: or_(table.c[name], insert.excluded[name]) for name in sticky}
    statement = insert.on_conflict_do_update(index_elements=keys, set_=values)
    conn.execute(statement, list(rows))


def get(conn: Connection, digests: Sequence[Sha256]) -> dict[Sha256, ScanRow]:
    """Return the facts of those contents that have any."""
    found: dict[Sha256, ScanRow] = {}
    for some in batches(digests):
        for row in conn.execute(select(scans).where(scans.c.sha256.in_(some))):
            kept = ScanRow(Sha256(row.sha256), row.scanner, row.size, bytes(row.facts), row.others, row.created_at)
            found[kept.sha256] = kept
    return found


def known(conn: Connection, digests: Sequence[Sha256], scanner: str) -> set[Sha256]:
    """Return those of the contents whose facts this version of the scanner made."""
    found = set[Sha256]()
    for some in batches(digests):
        query = select(scans.c.sha256).where(scans.c.sha256.in_(some), scans.c.scanner == scanner)
        found |= {Sha256(row.sha256) for row in conn.execute(query)}
    return found


def set_others(conn: Connection, digest: Sha256, others: str) -> None:
    """Set what other scanners said about a content."""
    conn.execute(update(scans).where(scans.c.sha256 == digest).values(others=others))


def unscanned(conn: Connection, scanner: str, after: int, limit: int) -> list[FileRow]:
    """Return files with ids above `after` whose bytes are here and whose contents this version has not looked at."""
    looked = exists(select(scans.c.sha256).where(scans.c.sha256 == files.c.sha256, scans.c.scanner == scanner))
    query = select(*_FILE).where(files.c.id > after, ~files.c.erased, ~looked).order_by(files.c.id).limit(limit)
    return [FileRow(row.id, XetHash(row.xet), Sha256(row.sha256), row.size, row.terms, row.chunks) for row in conn.execute(query)]


def drop_orphans(conn: Connection, before: int) -> int:
    """Forget the facts of contents that no file has any more and that were looked at before that time; return how many."""
    there = exists(select(files.c.id).where(files.c.sha256 == scans.c.sha256, ~files.c.erased))
    return conn.execute(delete(scans).where(~there, scans.c.created_at < before)).rowcount


def drop(conn: Connection, digests: Sequence[Sha256]) -> None:
    """Forget the facts of contents whose files are all erased."""
    there = exists(select(files.c.id).where(files.c.sha256 == scans.c.sha256, ~files.c.erased))
    for some in batches(digests):
        conn.execute(delete(scans).where(scans.c.sha256.in_(some), ~there))
