"""Git LFS: what is here already, where the rest is to be sent, and the parts of large files (hub-api.md A.5, step 3b).

Addresses carry no token, so each names one repository, account, digest and size, is signed and expires. Rights are looked up
again when it is used. Parts of a file lie in a folder of the staging area until the last one is there; then the whole file
goes the way of every other file. Uploads that are not completed in time are removed with their parts.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from blake3 import blake3
from sqlalchemy import Connection

from hanse.db import blobs, lfs, repos, usage
from hanse.db.blobs import FileRow
from hanse.db.lfs import LfsUpload
from hanse.db.repos import Repo
from hanse.errors import BadFormat, BlobNotFound, IntegrityError, NotAllowed, RepoNotFound, TooLarge
from hanse.flows import access
from hanse.flows.accounts import actor_of
from hanse.flows.admission import require_content
from hanse.flows.ingest import FileIngest
from hanse.flows.node import Node
from hanse.flows.quota import is_bounded, require_room, since
from hanse.flows.scope import usable_files
from hanse.model.actor import ANONYMOUS, Actor
from hanse.model.digest import Sha256
from hanse.store.durable import storage_errors
from hanse.store.staging import StagedFile

MAX_PARTS = 10_000
PIECE = 1024 * 1024
_PURGE = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that a client has or asks for."""

    sha256: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What to do about one file: nothing (`present`), send it whole, or send it in the parts of `upload`; or why not."""

    wanted: Wanted
    present: bool = False
    upload: LfsUpload | None = None
    error: str = ""


def plan_uploads(node: Node, actor: Actor, repo: Repo, wanted: Sequence[Wanted], *, multipart: bool) -> list[Answer]:
    """Return for each file whether and how it is to be sent.

    A file that the caller may refer to already, here or elsewhere, becomes one of this repository's at once. multipart: the
    client can send parts; files over `lfs_part_bytes` then come so. Raises as `require_upload`, and QuotaExceeded if there is no
    room for all of them.
    """
    require_upload(node, actor, repo)
    purge_uploads(node)
    with node.db.read() as conn:
        found = blobs.find_by_sha256(conn, usable_files(node, actor, repo), [one.sha256 for one in wanted])
        coming = {one.sha256: one.size for one in wanted if one.sha256 not in found and one.size <= node.limits.max_file_bytes}
        if is_bounded(node, conn, actor, repo):
            started = lfs.under_way(conn, repo.id, access.require_account(actor), list(coming), node.clock.now())
            adding = sum(size for digest, size in coming.items() if digest not in started)
            if adding:
                require_room(node, conn, actor, repo, adding)
    here = [found[one.sha256] for one in wanted if one.sha256 in found and found[one.sha256].size == one.size]
    if here:
        with node.db.write() as conn:
            link_present(node, conn, actor, repo, here)
    return [_answer(node, actor, repo, one, found.get(one.sha256), multipart=multipart) for one in wanted]


def link_present(node: Node, conn: Connection, actor: Actor, repo: Repo, rows: Sequence[FileRow]) -> None:
    """Make files that are stored already ones of the repository; raises QuotaExceeded."""
    if is_bounded(node, conn, actor, repo):
        adding = usage.missing_bytes(conn, repo.id, rows, since(node))
        if adding:
            require_room(node, conn, actor, repo, adding)
    blobs.link_files(conn, repo.id, [row.id for row in rows], actor.account_id, node.clock.now())


def _answer(node: Node, actor: Actor, repo: Repo, wanted: Wanted, found: FileRow | None, *, multipart: bool) -> Answer:
    if found is not None and found.size == wanted.size:
        return Answer(wanted, present=True)
    if found is not None:
        return Answer(wanted, error=f"the content with this digest has {found.size} bytes, not {wanted.size}")
    if wanted.size > node.limits.max_file_bytes:
        return Answer(wanted, error=f"a file may have at most {node.limits.max_file_bytes} bytes")
    if not multipart or wanted.size <= node.limits.lfs_part_bytes:
        return Answer(wanted)
    return Answer(wanted, upload=_start(node, actor, repo, wanted))


def _start(node: Node, actor: Actor, repo: Repo, wanted: Wanted) -> LfsUpload:
    part = max(node.limits.lfs_part_bytes, -(-wanted.size // MAX_PARTS))
    expires = node.clock.now() + node.limits.upload_ttl_seconds
    account = access.require_account(actor)
    new = LfsUpload(secrets.token_hex(16), repo.id, account, wanted.sha256, wanted.size, part, expires)
    with node.db.write() as conn:
        same = lfs.find_same(conn, new)
        if same is None:
            lfs.add(conn, new)
            return new
        lfs.extend(conn, same.id, expires)
    return same


def require_upload(node: Node, actor: Actor, repo: Repo) -> None:
    """Raise NotAuthenticated, NotAllowed, GatedRepo or Disabled unless the caller may upload for the repository.

    Besides its writers these are all who can read it and have a write token: they may open pull requests.
    """
    access.require_account(actor)
    access.require_own(repo)
    if actor.may_write(repo.people):
        return
    if actor.role != "write":
        raise NotAllowed("uploading needs a write token")
    access.require_read_bytes(node, actor, repo)


def holder_of(actor: Actor) -> str:
    """Return how a signed address names the account it is made for: its id, `+` with operator's rights, `-` anonymous."""
    if actor.account_id is None:
        return "-"
    return f"{actor.account_id}{'+' if actor.admin else ''}"


def resume(node: Node, repo_id: int, holder: str, role: str) -> tuple[Actor, Repo]:
    """Return account and repository of a signed address as they are now.

    Raises NotAllowed if the account is gone or disabled, RepoNotFound if it may not see the repository any more.
    """
    with node.db.read() as conn:
        actor = ANONYMOUS if holder == "-" else actor_of(conn, int(holder.rstrip("+")), role)
        repo = repos.get(conn, repo_id)
    if actor is None:
        raise NotAllowed("the account that this address was made for may not use it any more")
    actor = replace(actor, admin=actor.admin and holder.endswith("+"))
    if repo is None or not access.may_see(actor, repo):
        raise RepoNotFound("Repository not found", hint="it was deleted or closed since this address was made")
    return actor, repo


def open_ingest(node: Node, repo_id: int, holder: str, wanted: Wanted, length: int | None) -> FileIngest:
    """Return what takes in a whole file sent to a signed address; `length`: the body's announced size.

    Raises NotAllowed or RepoNotFound if the account may not upload there now, BadFormat or TooLarge for another size,
    QuotaExceeded.
    """
    if length is None:
        raise BadFormat("an upload needs a Content-Length")
    if length != wanted.size:
        error = TooLarge if length > wanted.size else BadFormat
        raise error(f"the body has {length} bytes, this address is for {wanted.size}", hint="ask for a new address")
    actor, repo = resume(node, repo_id, holder, "write")
    require_upload(node, actor, repo)
    return FileIngest(node, actor, repo, sha256=wanted.sha256, size=wanted.size)


def verify(node: Node, repo: Repo, wanted: Wanted) -> None:
    """Raise BlobNotFound unless the repository holds the file with that digest and size."""
    with node.db.read() as conn:
        found = blobs.find_by_sha256(conn, repo.id, [wanted.sha256]).get(wanted.sha256)
    if found is None or found.size != wanted.size:
        raise BlobNotFound(f"{wanted.sha256} with {wanted.size} bytes was not uploaded here", hint="upload it again")


def downloadable(node: Node, actor: Actor, repo: Repo, digests: Sequence[Sha256]) -> dict[Sha256, FileRow]:
    """Return those files that the repository holds; raises GatedRepo or Disabled for a caller who may not read them."""
    access.require_read_bytes(node, actor, repo)
    with node.db.read() as conn:
        found = blobs.find_by_sha256(conn, repo.id, digests)
        states = blobs.file_states(conn, repo.id, [row.id for row in found.values()])
    mine = actor.may_write(repo.people)
    return {digest: row for digest, row in found.items() if mine or states.get(row.id) == "live"}


def require_download(node: Node, actor: Actor, repo: Repo, wanted: Wanted) -> FileRow:
    """Return a file that the caller gets from the repository; raises BlobNotFound, GatedRepo, Disabled or Held."""
    found = downloadable(node, actor, repo, [wanted.sha256]).get(wanted.sha256)
    if found is None:
        raise BlobNotFound("Object does not exist")
    require_content(node, actor, repo, found)
    return found


# Multipart: parts in, whole file out.


def _folder(node: Node, upload: LfsUpload) -> Path:
    return node.staging.root / f"upload-{upload.id}"


def open_upload(node: Node, upload_id: str, holder: str) -> tuple[LfsUpload, Actor, Repo]:
    """Return an upload in progress, its account and repository.

    Raises BlobNotFound if it is over, NotAllowed or RepoNotFound if the account may not upload any more.
    """
    with node.db.read() as conn:
        upload = lfs.find(conn, upload_id)
    if upload is None or upload.expires_at <= node.clock.now():
        raise BlobNotFound("this upload is over or has expired", hint="start the upload again")
    actor, repo = resume(node, upload.repo_id, holder, "write")
    require_upload(node, actor, repo)
    return upload, actor, repo


class PartWriter:
    """Takes one part as its pieces arrive; a context manager, which removes what was not finished.

    Raises as `open_upload`, and BadFormat for a number that the upload does not have.
    """

    def __init__(self, node: Node, upload_id: str, holder: str, number: int) -> None:
        upload, _, _ = open_upload(node, upload_id, holder)
        if not 1 <= number <= upload.parts:
            raise BadFormat(f"this upload has parts 1 to {upload.parts}, got {number}")
        self._folder = _folder(node, upload)
        self._number = number
        self._length = upload.part_length(number)
        self._hash = blake3()
        self._file: StagedFile = node.staging.create()

    @property
    def length(self) -> int:
        """Bytes that this part must have."""
        return self._length

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes; raises StorageFull or StorageError."""
        self._hash.update(piece)
        self._file.write(piece)

    def finish(self) -> str:
        """Keep the part, in place of one sent before, and return its ETag; raises BadFormat if bytes are missing."""
        if self._file.size != self._length:
            raise BadFormat(f"part {self._number} has {self._length} bytes, got {self._file.size}")
        tag: str = self._hash.hexdigest()[:32]
        with storage_errors("keep a part of an upload"):
            self._folder.mkdir(exist_ok=True)
            before = set(self._folder.glob(f"{self._number:05d}.*"))
            kept = self._folder / f"{self._number:05d}.{tag}"
            self._file.path.rename(kept)
            for path in before - {kept}:
                path.unlink(missing_ok=True)
        return tag

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def complete(node: Node, upload_id: str, holder: str, oid: str, parts: Sequence[tuple[int, str]]) -> None:
    """Put the parts together and take the file in; the upload is over then.

    parts: (number, ETag with or without quotes). Raises as `open_upload`; BadFormat for missing or other parts, DigestMismatch
    if the whole is another file, and then nothing is kept.
    """
    upload, actor, repo = open_upload(node, upload_id, holder)
    if oid != upload.sha256:
        raise BadFormat(f"this upload is for {upload.sha256}, not {oid[:80]!r}")
    paths = _part_paths(node, upload, parts)
    try:
        with FileIngest(node, actor, repo, sha256=upload.sha256, size=upload.size, counted=True) as ingest:
            for piece in _pieces(paths):
                ingest.feed(piece)
            ingest.finish()
    except IntegrityError:
        _forget(node, upload)  # these parts can never become the file
        raise
    _forget(node, upload)


def _part_paths(node: Node, upload: LfsUpload, parts: Sequence[tuple[int, str]]) -> list[Path]:
    if [number for number, _ in parts] != list(range(1, upload.parts + 1)):
        raise BadFormat(f"name all {upload.parts} parts in order")
    folder = _folder(node, upload)
    paths: list[Path] = []
    for number, etag in parts:
        tag = etag.strip('"')
        path = folder / f"{number:05d}.{tag}"
        if not (tag.isalnum() and len(tag) == 32) or not path.is_file():
            raise BadFormat(f"part {number} with this ETag was not uploaded", hint="send the part again")
        paths.append(path)
    return paths


def _pieces(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        with storage_errors("read a part of an upload"), path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece


def _forget(node: Node, upload: LfsUpload) -> None:
    shutil.rmtree(_folder(node, upload), ignore_errors=True)
    with node.db.write() as conn:
        lfs.remove(conn, upload.id)


def purge_uploads(node: Node) -> int:
    """Remove some uploads that expired, with their parts, and return how many."""
    with node.db.read() as conn:
        over = lfs.expired(conn, node.clock.now(), _PURGE)
    for upload in over:
        _forget(node, upload)
    return len(over)
