"""What may go: files that no repository holds, xorbs that no file needs; and the rows of repositories that are erased."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, exists, func, or_, select, text, update

from hanse.content.hashing import HASH_BYTES
from hanse.content.terms import TERM_BYTES
from hanse.db.batch import batches
from hanse.db.blobs import FileRow
from hanse.db.schema import (
    access_requests,
    chunks,
    discussion_events,
    discussions,
    files,
    lfs_uploads,
    pending,
    refs,
    repo_files,
    repo_tags,
    repo_xorbs,
    repos,
    revisions,
    shards,
    xorbs,
)
from hanse.db.schema_mirror import mirror_contents, mirror_revisions, mirrors
from hanse.db.schema_scans import flags, repository_scans, waivers
from hanse.db.schema_trust import attestations, notices
from hanse.model.digest import Sha256, XetHash

_PAGE = 1000
_FILE = (files.c.id, files.c.xet, files.c.sha256, files.c.size, files.c.terms, files.c.chunks, files.c.erased)


@dataclass(frozen=True, slots=True)
class Held:
    """A file that a repository holds; state: `staged`, `live` or `retired`."""

    file_id: int
    xet: XetHash
    state: str
    added_at: int


def stop_file_writers(conn: Connection) -> None:
    """Keep others from recording files until the transaction ends (SQLite has one writer anyway)."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("LOCK TABLE files IN SHARE ROW EXCLUSIVE MODE"))


def held_files(conn: Connection, repo: int) -> list[Held]:
    """Return what a repository holds."""
    query = select(files.c.id, files.c.xet, repo_files.c.state, repo_files.c.added_at).join(
        repo_files, repo_files.c.file_id == files.c.id
    )
    rows = conn.execute(query.where(repo_files.c.repo_id == repo))
    return [Held(row.id, XetHash(row.xet), row.state, row.added_at) for row in rows]


def release_files(conn: Connection, repo: int, ids: Sequence[int]) -> None:
    """Let a repository hold these files no longer."""
    for some in batches(ids):
        conn.execute(delete(repo_files).where(repo_files.c.repo_id == repo, repo_files.c.file_id.in_(some)))


def stale_stagers(conn: Connection, before: int) -> list[int]:
    """Return the repositories that hold uploads older than `before` which no commit named."""
    old = and_(repo_files.c.state == "staged", repo_files.c.added_at < before)
    return [row.repo_id for row in conn.execute(select(repo_files.c.repo_id).where(old).distinct())]


def deleted_repos(conn: Connection, state: str, before: int) -> list[int]:
    """Return the repositories in `state` since before that time."""
    return [row.id for row in conn.execute(select(repos.c.id).where(repos.c.state == state, repos.c.updated_at < before))]


def unheld_files(conn: Connection, before: int, limit: int) -> list[FileRow]:
    """Return files older than `before` that no repository holds and whose bytes are here, locked until the transaction ends."""
    held = exists(select(repo_files.c.file_id).where(repo_files.c.file_id == files.c.id))
    query = select(files.c.id).where(~files.c.erased, ~held, files.c.created_at < before).order_by(files.c.id).limit(limit)
    return lock_unheld(conn, [row.id for row in conn.execute(query)])


def lock_unheld(conn: Connection, ids: Sequence[int], besides: int | None = None) -> list[FileRow]:
    """Return those of the files that no repository (besides one) holds, locked so that none can take them meanwhile.

    The rows are locked first and holders looked for afterwards: whoever links a file waits for the lock, and then finds the
    file erased.
    """
    found: list[FileRow] = []
    for some in batches(sorted(ids)):
        conn.execute(select(files.c.id).where(files.c.id.in_(some)).order_by(files.c.id).with_for_update()).all()
        other = repo_files.c.file_id == files.c.id
        if besides is not None:
            other = and_(other, repo_files.c.repo_id != besides)
        query = select(*_FILE).where(files.c.id.in_(some), ~exists(select(repo_files.c.file_id).where(other)), ~files.c.erased)
        found += [
            FileRow(row.id, XetHash(row.xet), Sha256(row.sha256), row.size, row.terms, row.chunks) for row in conn.execute(query)
        ]
    return found


def mark_erased(conn: Connection, ids: Sequence[int]) -> None:
    """Record that the bytes of files are gone."""
    for some in batches(ids):
        conn.execute(update(files).where(files.c.id.in_(some)).values(erased=True, terms=None))


def whole_files(conn: Connection, digests: Sequence[Sha256], besides: Sequence[int]) -> set[Sha256]:
    """Return those of the contents that a file other than `besides` needs as `blobs/<sha256>`."""
    gone, found = set(besides), set[Sha256]()
    for some in batches(digests):
        query = select(files.c.id, files.c.sha256).where(files.c.sha256.in_(some), ~files.c.erased)
        found |= {Sha256(row.sha256) for row in conn.execute(query) if row.id not in gone}
    return found


def all_terms(conn: Connection) -> Iterator[tuple[int, bytes]]:
    """Yield (file id, packed terms) of all files whose bytes are here, in order of id."""
    after = 0
    while True:
        query = select(files.c.id, files.c.terms).where(files.c.id > after, files.c.terms.is_not(None), ~files.c.erased)
        rows = conn.execute(query.order_by(files.c.id).limit(_PAGE)).all()
        for row in rows:
            yield row.id, bytes(row.terms)
        if len(rows) < _PAGE:
            return
        after = rows[-1].id


def needed_xorbs(conn: Connection) -> set[bytes]:
    """Return the raw hashes of all xorbs that some file's terms name."""
    return {packed[at : at + HASH_BYTES] for _, packed in all_terms(conn) for at in range(0, len(packed), TERM_BYTES)}


def idle_xorbs(conn: Connection, before: int) -> list[tuple[int, XetHash]]:
    """Return xorbs that came and were last named in any answer before that time, locked until the transaction ends."""
    quiet = or_(xorbs.c.advertised_day.is_(None), xorbs.c.advertised_day < before // 86400)
    query = select(xorbs.c.id, xorbs.c.hash).where(xorbs.c.created_at < before, quiet).order_by(xorbs.c.id)
    return [(row.id, XetHash(row.hash)) for row in conn.execute(query.with_for_update())]


def drop_xorbs(conn: Connection, ids: Sequence[int]) -> None:
    """Forget xorbs: nobody may refer to them, no query finds their chunks."""
    for some in batches(ids):
        conn.execute(delete(chunks).where(chunks.c.xorb_id.in_(some)))
        conn.execute(delete(repo_xorbs).where(repo_xorbs.c.xorb_id.in_(some)))
        conn.execute(delete(xorbs).where(xorbs.c.id.in_(some)))


def linked_xorbs(conn: Connection, repo: int) -> list[XetHash]:
    """Return the xorbs that a repository may refer to."""
    query = select(xorbs.c.hash).join(repo_xorbs, repo_xorbs.c.xorb_id == xorbs.c.id).where(repo_xorbs.c.repo_id == repo)
    return [XetHash(row.hash) for row in conn.execute(query)]


def xorb_repos(conn: Connection, xorb_id: int) -> list[int]:
    """Return the repositories that may refer to a xorb."""
    return [row.repo_id for row in conn.execute(select(repo_xorbs.c.repo_id).where(repo_xorbs.c.xorb_id == xorb_id))]


def set_terms(conn: Connection, file_id: int, terms: bytes) -> None:
    """Set the packed terms of a file."""
    conn.execute(update(files).where(files.c.id == file_id).values(terms=terms))


def terms_naming(conn: Connection, xorb: bytes) -> list[FileRow]:
    """Return the files whose terms name the xorb with this raw hash."""
    # Both functions find the bytes anywhere; whether they stand where a name stands is looked at below.
    find = func.instr if conn.dialect.name == "sqlite" else func.pg_catalog.position
    query = select(*_FILE).where(~files.c.erased, files.c.terms.is_not(None), find(files.c.terms, xorb) > 0)
    found = [
        FileRow(row.id, XetHash(row.xet), Sha256(row.sha256), row.size, bytes(row.terms), row.chunks)
        for row in conn.execute(query.order_by(files.c.id))
    ]
    return [file for file in found if xorb in _names(file.terms or b"")]


def _names(packed: bytes) -> set[bytes]:
    return {packed[at : at + HASH_BYTES] for at in range(0, len(packed), TERM_BYTES)}


def own_shards(conn: Connection, repo: int) -> list[Sha256]:
    """Return the shards that were accepted for this repository and for no other."""
    other = shards.alias()
    elsewhere = exists(select(other.c.digest).where(other.c.digest == shards.c.digest, other.c.repo_id != repo))
    query = select(shards.c.digest).where(shards.c.repo_id == repo, ~elsewhere)
    return [Sha256(row.digest) for row in conn.execute(query)]


def scrub_repo(conn: Connection, repo: int, *, public: bool) -> None:
    """Forget everything about an erased repository but its leaves; of a public one, names and commits stay as the record."""
    held = (repo_files, repo_xorbs, shards, lfs_uploads, refs, repo_tags, flags, waivers, repository_scans, notices)
    for table in (*held, mirrors, mirror_revisions, mirror_contents):
        conn.execute(delete(table).where(table.c.repo_id == repo))
    conn.execute(update(revisions).where(revisions.c.repo_id == repo).values(state="erased"))
    values = {"state": "erased", "salt": None, "used_bytes": 0}
    if not public:
        for table in (discussions, discussion_events, access_requests, attestations):
            conn.execute(delete(table).where(table.c.repo_id == repo))
        blank = {"title": "", "message": "", "author": ""}
        conn.execute(update(revisions).where(revisions.c.repo_id == repo).values(blank))
        hidden = {"ref": None, "rev": None, "tree": None, "effect": "{}"}
        conn.execute(update(pending).where(pending.c.repo_id == repo).values(hidden))
        values |= {"namespace": "", "name": f"erased-{repo}", "namespace_folded": "", "search_text": "", "head": None}
        values |= {"card": None, "config": None, "tags": "[]", "safetensors": None, "creator_id": None}
    conn.execute(update(repos).where(repos.c.id == repo).values(values))


def count_unsettled(conn: Connection, repo: int) -> int:
    """Return how many leaves of a repository wait for the sequencer."""
    query = select(func.count()).select_from(pending).where(pending.c.repo_id == repo, pending.c.index.is_(None))
    return int(conn.execute(query).scalar_one())
