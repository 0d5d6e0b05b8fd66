"""Steps 1 and 2 of `hanse.flows.fsck`: every object against its name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from hanse.content.hashing import file_hash_of_chunk_list
from hanse.content.shard import parse_shard
from hanse.content.xorb import XorbTable, parse_table
from hanse.errors import DigestMismatch
from hanse.flows import bundles, records
from hanse.flows.fsck_checker import Checker
from hanse.flows.xorb_ingest import complete_table, read_stored_xorb
from hanse.model.digest import Sha256, XetHash, parse_sha256, parse_xet
from hanse.store import keys
from hanse.store.base import BlobStore
from hanse.store.keys import ObjectKey

_PIECE = 1024 * 1024
_JOURNAL = (keys.LOG, keys.LOG_STAGED, keys.MIRRORS)  # steps 5 and 6 check these


def check_objects(checker: Checker) -> None:
    """Check every object of the store, family by family."""
    families: dict[str, Callable[[Checker, ObjectKey, str], None]] = {
        keys.XORBS: _xorb,
        keys.XORB_TABLES: _table,
        keys.BLOBS: _blob,
        keys.SHARDS: _shard,
        keys.CHUNK_LISTS: _chunk_list,
        keys.REVISIONS: _record,
        keys.ATTESTATIONS: _bundle,
    }
    for prefix, check in families.items():
        for key in checker.node.store.list(prefix):
            check(checker, key, key.rpartition("/")[2])
    for key in checker.node.store.list(""):
        if not key.startswith((*families, *_JOURNAL)):
            checker.report("stray", key, "no such family of objects", key)


def _named(expected: ObjectKey, key: ObjectKey) -> None:
    if expected != key:
        raise DigestMismatch(f"object {key} should lie at {expected}")


def _xorb(checker: Checker, key: ObjectKey, name: str) -> None:
    store = checker.node.store
    found: list[XorbTable] = []

    def check() -> None:
        xorb = parse_xet(name)
        _named(keys.xorb_key(xorb), key)
        found.append(read_stored_xorb(checker.node, xorb))

    checker.count("xorb", store.size(key) or 0)
    if not checker.guard("xorb", key, check, key):
        checker.node.transfers.tables.forget(XetHash(name))
        return
    table_key = keys.xorb_table_key(found[0].xorb)
    if store.size(table_key) is None:
        return  # being stored right now, or left by a crash; a xorb that anything refers to is looked at in step 3
    checker.guard("table", table_key, lambda: _same_table(store, table_key, found[0]), table_key)
    if store.size(table_key) is None:  # it was moved away; the xorb is sound, so its table can be made again
        checker.node.transfers.tables.forget(found[0].xorb)
        complete_table(checker.node, found[0].xorb)


def _same_table(store: BlobStore, key: ObjectKey, computed: XorbTable) -> None:
    stored = parse_table(store.get(key))
    if stored.digest != computed.digest:
        raise DigestMismatch(f"xorb {computed.xorb} has digest {computed.digest}, its table says {stored.digest}")
    if stored.encode() != computed.encode():
        raise DigestMismatch(f"the table of xorb {computed.xorb} does not describe the stored bytes")


def _table(checker: Checker, key: ObjectKey, name: str) -> None:
    """Check a table's own name, and that its xorb is there; the rest was compared with the xorb."""
    store = checker.node.store

    def check() -> None:
        table = parse_table(store.get(key))
        _named(keys.xorb_table_key(table.xorb), key)
        table.check_name()
        if store.size(keys.xorb_key(table.xorb)) is None:
            raise DigestMismatch(f"there is a table for xorb {name}, which is not stored")

    checker.count("table", store.size(key) or 0)
    checker.guard("table", key, check)


def _sha256_of(store: BlobStore, key: ObjectKey) -> Sha256:
    state = hashlib.sha256()
    for piece in _pieces(store, key):
        state.update(piece)
    return Sha256(state.hexdigest())


def _pieces(store: BlobStore, key: ObjectKey) -> Iterator[bytes]:
    size = store.size(key) or 0
    for at in range(0, size, _PIECE):
        yield store.get(key, at, _PIECE)


def _check_sha256(checker: Checker, key: ObjectKey, name: str, expected: ObjectKey) -> None:
    _named(expected, key)
    got = _sha256_of(checker.node.store, key)
    if got != name:
        raise DigestMismatch(f"expected sha256 {name}, the stored bytes have {got}")


def _blob(checker: Checker, key: ObjectKey, name: str) -> None:
    checker.count("blob", checker.node.store.size(key) or 0)
    checker.guard("blob", key, lambda: _check_sha256(checker, key, name, keys.blob_key(parse_sha256(name))), key)


def _shard(checker: Checker, key: ObjectKey, name: str) -> None:
    def check() -> None:
        _check_sha256(checker, key, name, keys.shard_key(parse_sha256(name)))
        parse_shard(checker.node.store.get(key))

    checker.count("shard", checker.node.store.size(key) or 0)
    checker.guard("shard", key, check, key)


def _chunk_list(checker: Checker, key: ObjectKey, name: str) -> None:
    def check() -> None:
        _named(keys.chunk_list_key(parse_xet(name)), key)
        got, _ = file_hash_of_chunk_list(checker.node.store.get(key))
        if got != name:
            raise DigestMismatch(f"the chunk list named {name} makes up file {got}")

    checker.count("chunk-list", checker.node.store.size(key) or 0)
    checker.guard("chunk-list", key, check, key)


def _record(checker: Checker, key: ObjectKey, name: str) -> None:
    def check() -> None:
        digest = parse_sha256(name)
        _named(keys.revision_key(digest), key)
        records.load(checker.node.store, digest)

    checker.count("record", checker.node.store.size(key) or 0)
    checker.guard("record", key, check, key)


def _bundle(checker: Checker, key: ObjectKey, name: str) -> None:
    """Check a bundle against the payload it is named by; whose signature it holds is checked where the log tells the key."""

    def check() -> None:
        payload = key.split("/")[-2]
        _named(keys.attestation_key(parse_sha256(payload), parse_sha256(name)), key)
        bundles.read(checker.node.store, Sha256(payload), Sha256(name))

    checker.count("bundle", checker.node.store.size(key) or 0)
    checker.guard("bundle", key, check, key)
