"""Large files of a repository, and multipart uploads in progress: rows of `repo_files` and `lfs_uploads`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from hanse.db.batch import batches
from hanse.db.schema import files, lfs_uploads, repo_files
from hanse.model.digest import Sha256


@dataclass(frozen=True, slots=True)
class LfsUpload:
    """One upload. id: 32 hex digits; size and part_size: bytes; expires_at: seconds since 1970."""

    id: str
    repo_id: int
    account_id: int
    sha256: Sha256
    size: int
    part_size: int
    expires_at: int

    @property
    def parts(self) -> int:
        """How many parts the file comes in."""
        return -(-self.size // self.part_size)

    def part_length(self, number: int) -> int:
        """Return the bytes of part `number` (from 1); only the last one is shorter."""
        return min(self.part_size, self.size - (number - 1) * self.part_size)


@dataclass(frozen=True, slots=True)
class Held:
    """A large file that a repository holds. size: bytes; added_at: seconds since 1970."""

    id: int
    sha256: Sha256
    size: int
    added_at: int


def _upload(row: Row[Any]) -> LfsUpload:
    return LfsUpload(row.id, row.repo_id, row.account_id, Sha256(row.sha256), row.size, row.part_size, row.expires_at)


def find(conn: Connection, upload_id: str) -> LfsUpload | None:
    """Return the upload with that id."""
    row = conn.execute(select(lfs_uploads).where(lfs_uploads.c.id == upload_id)).one_or_none()
    return None if row is None else _upload(row)


def find_same(conn: Connection, wanted: LfsUpload) -> LfsUpload | None:
    """Return an upload of the same file by the same account to the same repository, cut in the same parts."""
    same = [
        getattr(lfs_uploads.c, name) == getattr(wanted, name) for name in ("repo_id", "account_id", "sha256", "size", "part_size")
    ]
    row = conn.execute(select(lfs_uploads).where(*same).limit(1)).one_or_none()
    return None if row is None else _upload(row)


def under_way(conn: Connection, repo: int, account: int, digests: Sequence[Sha256], now: int) -> set[Sha256]:
    """Return those of the contents that the account is sending to the repository in parts."""
    found = set[Sha256]()
    for some in batches(digests):
        mine = (lfs_uploads.c.repo_id == repo, lfs_uploads.c.account_id == account, lfs_uploads.c.expires_at > now)
        rows = conn.execute(select(lfs_uploads.c.sha256).where(*mine, lfs_uploads.c.sha256.in_(some)))
        found |= {Sha256(row.sha256) for row in rows}
    return found


def add(conn: Connection, upload: LfsUpload) -> None:
    """Insert an upload."""
    conn.execute(insert(lfs_uploads).values({name: getattr(upload, name) for name in LfsUpload.__slots__}))


def extend(conn: Connection, upload_id: str, expires_at: int) -> None:
    """Set when an upload expires."""
    conn.execute(update(lfs_uploads).where(lfs_uploads.c.id == upload_id).values(expires_at=expires_at))


def remove(conn: Connection, upload_id: str) -> None:
    """Delete an upload."""
    conn.execute(delete(lfs_uploads).where(lfs_uploads.c.id == upload_id))


def expired(conn: Connection, now: int, limit: int) -> list[LfsUpload]:
    """Return up to `limit` uploads that expired before `now`."""
    query = select(lfs_uploads).where(lfs_uploads.c.expires_at < now).limit(limit)
    return [_upload(row) for row in conn.execute(query)]


def held_files(conn: Connection, repo: int, *, after: int, limit: int) -> list[Held]:
    """Return up to `limit` files that commits of the repository name or named, from the one after file id `after` on.

    Files that only ever came inside commits are not large and do not appear.
    """
    columns = (files.c.id, files.c.sha256, files.c.size, repo_files.c.added_at)
    query = select(*columns).join(repo_files, repo_files.c.file_id == files.c.id)
    large = (files.c.terms.is_not(None), ~files.c.erased, repo_files.c.state.in_(("live", "retired")))
    query = query.where(repo_files.c.repo_id == repo, files.c.id > after, *large).order_by(files.c.id).limit(limit)
    return [Held(row.id, Sha256(row.sha256), row.size, row.added_at) for row in conn.execute(query)]
