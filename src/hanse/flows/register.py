"""Shards: nothing that an upload says about files is believed; everything is recomputed from the stored bytes.

1.  The shard is parsed within bounds; one that was accepted before is answered at once.
2.  Every xorb it names must be one that the actor may refer to; everything else answers as if it did not exist.
3.  Per file, without reading bytes: chunk ranges, unpacked lengths, range hashes, and the file hash from the chunk hashes.
4.  Per file, in one pass over its bytes: SHA-256, which must be the claimed one, shared with the content hook. A file that the
    actor may refer to already was read before; its digest is known.
5.  The shard becomes an object, then one transaction makes the files known to the repository.

A crash before 5 leaves nothing but objects that nobody names; the same shard may be sent again at any time. While a check
runs in this process, a second call for the same shard waits for its end instead of starting another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hanse.content.hashing import HASH_BYTES, file_hash_of_chunk_list
from hanse.content.shard import FileBlock, Shard, parse_shard
from hanse.content.terms import Term, check_against_tables, check_range_hashes, chunk_list_of, encode_terms, terms_size
from hanse.db import blobs, xorbs
from hanse.db.blobs import FileRow, NewFile
from hanse.db.repos import Repo
from hanse.db.xorbs import XorbRow
from hanse.errors import BadFormat, BlobNotFound, DigestMismatch, TooLarge
from hanse.flows import scans
from hanse.flows.dedup import advertise
from hanse.flows.inspect import check_claim, hash_file
from hanse.flows.node import Node
from hanse.flows.quota import is_bounded, missing_bytes, require_room
from hanse.flows.read import TermSource
from hanse.flows.scope import usable_scope
from hanse.flows.transfers import Check, Tables, require_stored
from hanse.model.actor import Actor
from hanse.model.digest import Sha256, XetHash
from hanse.store.keys import chunk_list_key, shard_key, xorb_key

MIN_CHUNK_BYTES = 8 * 1024
"""Every chunk of a file but the last has at least this many bytes, so a file's size bounds how many it can have."""
MAX_SHARD_CHUNKS = 1 << 22
"""Chunks that the files of one shard may have together: 256 GiB of usual chunks, 150 MB of chunk lists."""
_POLL_SECONDS = 0.5

Progress = Callable[[int, int], None]
"""Called with verified and total bytes."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A file of the shard after step 3."""

    block: FileBlock
    size: int
    first_chunk: bytes
    known: FileRow | None


def register_shard(node: Node, actor: Actor, repo: Repo, data: bytes, progress: Progress = lambda _v, _t: None) -> bool:
    """Check a shard and make its files known to `repo`; tell whether that was new.

    The caller has checked that the actor may upload to `repo` (`hanse.flows.sessions`). Raises BadFormat or TooLarge for a
    shard that does not parse or is out of bounds; BlobNotFound for a xorb that the actor may not refer to; DigestMismatch
    for a claim that is not true; QuotaExceeded; StorageError. Nothing is visible then.
    """
    digest = Sha256(hashlib.sha256(data).hexdigest())
    check, mine = _enter(node, repo, digest)
    if not mine:
        _attach(check, progress)
        return False
    try:
        return _register(node, actor, repo, digest=digest, data=data, check=check, progress=progress)
    except BaseException as error:
        check.error = error
        raise
    finally:
        with node.transfers.lock:
            del node.transfers.checks[repo.id, digest]
        check.done.set()


def _enter(node: Node, repo: Repo, digest: Sha256) -> tuple[Check, bool]:
    """Return the check of this shard that runs already, or a new one, and whether it is new."""
    with node.transfers.lock:
        running = node.transfers.checks.get((repo.id, digest))
        if running is not None:
            return running, False
        check = node.transfers.checks[repo.id, digest] = Check()
        return check, True


def _attach(check: Check, progress: Progress) -> None:
    while not check.done.wait(_POLL_SECONDS):
        progress(check.verified, check.total)
    if check.error is not None:
        raise check.error


def _register(node: Node, actor: Actor, repo: Repo, *, digest: Sha256, data: bytes, check: Check, progress: Progress) -> bool:
    shard = parse_shard(data, node.limits.max_shard_bytes)
    if _accepted(node, actor, repo, digest, shard):
        return False
    scope = usable_scope(actor, repo)
    with node.db.read() as conn:
        used = _usable_xorbs(shard, xorbs.find_xorbs(conn, scope, _named_xorbs(shard)))
        known = blobs.find_by_xet(conn, scope, [block.file for block in shard.files])
    advertise(node, used.values())  # from here on garbage collection leaves them alone, however long the check takes
    tables = Tables(node.store, node.transfers.tables)
    _check_xorb_blocks(shard, tables)
    _check_total(node, shard)
    bounded = _require_room(node, actor, repo, shard)
    checked = [_check_layout(node, block, tables, known.get(block.file)) for block in shard.files]
    files = _check_contents(node, checked, check, progress)
    node.store.put(shard_key(digest), data)
    with node.db.write() as conn:
        now = node.clock.now()
        rows = blobs.insert_files(conn, files, now)
        scans.record(node, conn, {file.sha256: file.size for file in files})
        blobs.link_files(conn, repo.id, [row.id for row in rows.values()], actor.account_id, now)
        if bounded:  # others may have come in while the bytes were read
            require_room(node, conn, actor, repo, 0)
        kept = xorbs.get_xorbs(conn, list(used), keep=True)
        require_stored(node.store, [*map(chunk_list_key, rows), *map(xorb_key, used)])
        xorbs.link_xorbs(conn, repo.id, [row.id for row in kept.values()])
        xorbs.insert_chunks(conn, [(one.first_chunk, kept[one.block.terms[0].xorb].id) for one in checked])
        blobs.insert_shard(conn, repo.id, digest, now)
    return True


def _accepted(node: Node, actor: Actor, repo: Repo, digest: Sha256, shard: Shard) -> bool:
    """Tell whether the repository took this shard before and still holds its files, which then count as sent again."""
    names = {block.file for block in shard.files}
    with node.db.read() as conn:
        if not blobs.shard_accepted(conn, repo.id, digest):
            return False
        held = blobs.find_by_xet(conn, repo.id, list(names))
    if len(held) != len(names):
        return False
    with node.db.write() as conn:
        blobs.link_files(conn, repo.id, [row.id for row in held.values()], actor.account_id, node.clock.now())
    return True


def _named_xorbs(shard: Shard) -> list[XetHash]:
    return list({term.xorb for block in shard.files for term in block.terms} | {block.xorb for block in shard.xorbs})


def _usable_xorbs(shard: Shard, found: dict[XetHash, XorbRow]) -> dict[XetHash, XorbRow]:
    """Return the rows of all xorbs that the shard names; raises BlobNotFound if there is one that is not for the actor."""
    missing = [xorb for xorb in _named_xorbs(shard) if xorb not in found]
    if missing:
        raise BlobNotFound(
            f"the shard names {len(missing)} xorbs that are not here for you, such as {min(missing)}",
            hint="upload them first; if the client thinks it did, delete its folder HF_HOME/xet and upload again",
        )
    return found


def _check_xorb_blocks(shard: Shard, tables: Tables) -> None:
    """Raise DigestMismatch unless every xorb block has exactly the chunks of the stored xorb."""
    for block in shard.xorbs:
        if b"".join(value for value, _ in block.chunks) != tables[block.xorb].hashes:
            raise DigestMismatch(f"the shard describes xorb {block.xorb} with other chunks than it has")


def _check_total(node: Node, shard: Shard) -> None:
    """Raise TooLarge or BadFormat for files without terms or out of bounds, before anything is made from them."""
    total = chunks = 0
    for block in shard.files:
        size = terms_size(block.terms)
        total += size
        if not block.terms:
            raise BadFormat(f"file {block.file} has no terms", hint="send empty files inside the commit")
        count = chunk_count(block.terms)
        chunks += count
        if count > size // MIN_CHUNK_BYTES + 1:
            raise BadFormat(f"file {block.file} has more chunks than {size} bytes can have", hint="use the Xet chunking")
    if total > node.limits.max_file_bytes or chunks > MAX_SHARD_CHUNKS:
        raise TooLarge(
            f"the files of one shard may have {node.limits.max_file_bytes} bytes in {MAX_SHARD_CHUNKS} chunks, "
            f"these have {total} in {chunks}"
        )


def _require_room(node: Node, actor: Actor, repo: Repo, shard: Shard) -> bool:
    """Raise QuotaExceeded unless there is room for the files; tell whether to look again when they are there."""
    sizes = {block.file: terms_size(block.terms) for block in shard.files}
    with node.db.read() as conn:
        if not is_bounded(node, conn, actor, repo):
            return False
        adding = missing_bytes(node, conn, repo, sizes, blobs.find_by_xet(conn, repo.id, list(sizes)))
        if adding:
            require_room(node, conn, actor, repo, adding)
        return adding > 0


def _check_layout(node: Node, block: FileBlock, tables: Tables, known: FileRow | None) -> _Checked:
    """Check what can be checked from tables alone: step 3. The chunk list is true by then and stored at once."""
    check_against_tables(block.terms, tables)
    check_range_hashes(block.terms, block.range_hashes, tables)
    chunk_list = chunk_list_of(block.terms, tables)
    name, size = file_hash_of_chunk_list(chunk_list)
    if name != block.file:
        raise DigestMismatch(f"the shard names file {block.file}, its chunks make up file {name}")
    if known is not None:
        check_claim(block.file, block.sha256, known.sha256)
    node.store.put(chunk_list_key(name), chunk_list)
    return _Checked(block, size, chunk_list[:HASH_BYTES], known)


def _check_contents(node: Node, checked: Sequence[_Checked], check: Check, progress: Progress) -> list[NewFile]:
    """Read every file that was not read before: step 4."""
    check.total = sum(one.size for one in checked)

    def advance(count: int) -> None:
        check.verified += count
        progress(check.verified, check.total)

    files = []
    for one in checked:
        digest = one.known.sha256 if one.known is not None else None
        if digest is None:
            source = TermSource(node.store, node.transfers.tables, one.block.terms)
            with node.transfers.slots:
                digest = hash_file(node, source, one.block.file, one.block.sha256, advance)
        else:
            advance(one.size)
        terms = encode_terms(one.block.terms)
        files.append(NewFile(one.block.file, digest, one.size, terms, chunk_count(one.block.terms)))
    return files


def chunk_count(terms: Iterable[Term]) -> int:
    """Return how many chunks a file made of `terms` has."""
    return sum(term.end - term.start for term in terms)
