"""The files of a folder under every name that a manifest gives them: SHA-256 and Xet hash, in one pass, one thread a core."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hanse.content.chunking import Chunker
from hanse.content.gitobjects import BlobHasher
from hanse.content.hashing import ChunkListBuilder, chunk_hash
from hanse.errors import StorageError, VerificationFailed
from hanse.flows.local_files import find_place, list_place
from hanse.jobs.cores import cores
from hanse.model.digest import Sha256
from hanse.model.entry import Entry
from hanse.model.repo import parse_path
from hanse.tlog.map import MerkleMap, tree_key, tree_value

_PIECE = 1024 * 1024
_SHOWN = 20


def hash_folder(folder: Path, leave_out: Sequence[Path] = (), done: Callable[[int], None] = lambda _: None) -> list[Entry]:
    """Return the files below a folder (or an entry of the Hugging Face cache), by path; clients' bookkeeping is no part of it.

    leave_out: files that are not the model's, such as the bundle to be written; done: called with the bytes read by and by.
    Raises EntryNotFound, StorageError, TooLarge or BadPath; VerificationFailed for links and other things that are no files.
    """
    listing = list_place(find_place(folder), leave_out)
    if listing.odd:
        failed = tuple(f"{name}: {why}" for name, why in sorted(listing.odd.items()))
        raise VerificationFailed(f"{folder} holds what cannot be signed: {'; '.join(failed[:_SHOWN])}", failed=failed)
    with ThreadPoolExecutor(cores(), thread_name_prefix="hash") as pool:
        return list(pool.map(lambda item: _entry(parse_path(item[0]), item[1], done), sorted(listing.files.items())))


def _entry(name: str, path: Path, done: Callable[[int], None]) -> Entry:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest, blob, chunker, chunks = hashlib.sha256(), BlobHasher(size), Chunker(), ChunkListBuilder()
            while piece := file.read(_PIECE):
                digest.update(piece)
                blob.update(piece)
                for chunk in chunker.feed(piece):
                    chunks.add(chunk_hash(chunk), len(chunk))
                done(len(piece))
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    for chunk in chunker.finish():
        chunks.add(chunk_hash(chunk), len(chunk))
    if chunks.size != size:
        raise StorageError(f"{path} changed while it was read", hint="sign again when nothing writes there any more")
    return Entry(name, size, Sha256(digest.hexdigest()), chunks.file_hash(), blob.finish(), lfs=False)


def tree_of(entries: Sequence[Entry]) -> Sha256:
    """Return the root of the Merkle map of files."""
    puts = [(tree_key(one.path), tree_value(one.size, one.sha256, one.xet)) for one in entries]
    return Sha256(MerkleMap.empty().apply(puts).root.hex())


def require_same(entries: Sequence[Entry], wanted: Sequence[Entry]) -> None:
    """Raise VerificationFailed, listing every difference, unless both are the same files."""
    mine, theirs = {one.path: one for one in entries}, {one.path: one for one in wanted}
    failed = [f"{path}: only in the folder" for path in sorted(mine.keys() - theirs.keys())]
    failed += [f"{path}: only in the revision" for path in sorted(theirs.keys() - mine.keys())]
    for path in sorted(mine.keys() & theirs.keys()):
        one, other = mine[path], theirs[path]
        if (one.size, one.sha256, one.xet) != (other.size, other.sha256, other.xet):
            failed.append(f"{path}: the folder has sha256 {one.sha256}, the revision {other.sha256}")
    if failed:
        raise VerificationFailed(
            f"the folder is not the revision: {'; '.join(failed[:_SHOWN])}",
            failed=tuple(failed),
            hint="upload the folder as it is, or name the revision that has these files",
        )
