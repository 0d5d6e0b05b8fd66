"""Looking into a log over HTTP: its checkpoint, a proof of one leaf, or all of it replayed.

A log is known from before (`hanse.flows.pins`), by a key that the caller brings, or met for the first time: then its key is taken
from the `key` leaf that registers it, and pinned. Whatever is shown is under a checkpoint that this key signed and that continues
the one seen before.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hanse.errors import BadProof, BadSignature, HanseError, PeerRefused, RolledBack
from hanse.flows.pins import LogSeen, Pins, check_log, read_pins, remember
from hanse.flows.shown_keys import KeyBook
from hanse.flows.trust import mirror_name, witness_name
from hanse.model.decision import Known
from hanse.model.digest import Sha256
from hanse.model.key_leaf import KeyLeaf, KeyUse, handover_bytes
from hanse.model.leaf import Leaf, leaf_hash, parse_leaf
from hanse.model.repo import Origin, parse_origin
from hanse.peers.client import PeerClient, parse_base
from hanse.peers.logclient import LogClient, LogReader
from hanse.tlog.checkpoint import UnverifiedCheckpoint, VerifiedCheckpoint, parse_checkpoint, verify_checkpoint
from hanse.tlog.cosignature import Cosignature, cosigner_key, verify_cosignatures
from hanse.tlog.hashing import Frontier
from hanse.tlog.note import ED25519, NoteKey, parse_note, parse_vkey
from hanse.tlog.proof import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from hanse.tlog.replay import Replay
from hanse.tlog.tiles import WIDTH, TileName, grow, parse_tile_path
from hanse.tlog.tlogproof import TlogProof

_FIRST_BUNDLES = 8
"""Where a first contact looks for the leaf that registers the log's key."""
_LATER_BUNDLES = 4096
"""How far a hand-over to a new log key is looked for behind what was seen before: a million leaves."""


@dataclass(frozen=True, slots=True)
class OpenLog:
    """A log at a checkpoint that it signed and that continues what was seen. note: with cosignatures; known: of its key."""

    client: LogReader
    origin: Origin
    verified: VerifiedCheckpoint
    note: bytes
    known: Known

    @property
    def size(self) -> int:
        """Leaves at the checkpoint."""
        return self.verified.checkpoint.size

    @property
    def root(self) -> bytes:
        """The root at the checkpoint."""
        return self.verified.checkpoint.root


@dataclass(frozen=True, slots=True)
class CheckedLog:
    """A log that was replayed to its end.

    keys: as registered; refs, advisories: how many the maps hold; roots: of both; alarms: what a reader must be told; files: hash
    tiles that were compared.
    """

    log: OpenLog
    keys: KeyBook
    refs: int
    advisories: int
    roots: tuple[bytes, bytes]
    snapshot: int | None
    covered: bool
    understood: bool
    alarms: tuple[str, ...]
    files: int


def open_log_at(client: PeerClient, url: str, home: Path, now: int, vkey: str = "") -> OpenLog:
    """Return the log at `url` (of the log, or of its node); a log met for the first time is pinned.

    vkey: the log's key, if the caller knows it. Raises BadSignature, BadProof, RolledBack or Equivocation if it is not what it
    was, InputError or PeerError if it cannot be read.
    """
    log, note = _find(client, url)
    return open_read_log(log, note, home, now, vkey)


def open_read_log(log: LogReader, note: bytes, home: Path, now: int, vkey: str = "") -> OpenLog:
    """Return the log whose files `log` reads and whose checkpoint is `note`; otherwise as `open_log_at`."""
    claimed = parse_checkpoint(parse_note(note))
    origin = parse_origin(claimed.claimed.origin)
    pins = read_pins(home, origin)
    keys, known = _keys(log, claimed, pins, vkey)
    verified = verify_checkpoint(claimed, *keys)
    found = OpenLog(log, origin, verified, note, known)
    vkeys = tuple(key.text for key in verified.by)
    seen = LogSeen(origin, vkeys, found.size, found.root, note, consistent=True)
    if pins.log is not None:
        check_log(pins, seen)
        _check_growth(found, pins.log.size, bytes.fromhex(pins.log.root))
    remember(home, (seen,), None, now)
    return found


def _find(client: PeerClient, url: str) -> tuple[LogClient, bytes]:
    """Return the log at this address or below `/log`, and its checkpoint."""
    base = parse_base(url)
    try:
        log = LogClient(client, f"{base}/log")
        return log, log.checkpoint()
    except PeerRefused:
        log = LogClient(client, base)
        return log, log.checkpoint()


def _keys(log: LogReader, claimed: UnverifiedCheckpoint, pins: Pins, vkey: str) -> tuple[tuple[NoteKey, ...], Known]:
    """Return the keys that may sign the checkpoint, and where they are known from."""
    if vkey:
        return (parse_vkey(vkey),), Known.CONFIGURED
    if pins.log is None:
        return _registered(log, claimed), Known.NEW
    found = {key.public.fingerprint: key for key in map(parse_vkey, pins.log.vkeys)}
    signers = {(line.name, line.key_id) for line in claimed.note.signatures}
    if not any((key.name, key.key_id) in signers for key in found.values()):
        # The log signs with another key: one of those before must have handed over to it since.
        for leaf in _log_keys(log, claimed, pins.log.size // WIDTH, _LATER_BUNDLES):
            earlier = found.get(Sha256(leaf.by))
            if earlier is not None:
                earlier.public.verify(base64.b64decode(leaf.sig), handover_bytes(leaf))
                found[leaf.key] = NoteKey(pins.origin, leaf.public, ED25519)
    return tuple(found.values()), Known.PINNED


def _registered(log: LogReader, claimed: UnverifiedCheckpoint) -> tuple[NoteKey, ...]:
    """Return the log keys that its first leaves register; nothing vouches for them yet. Raises BadSignature if there is none."""
    origin = claimed.claimed.origin
    found = [NoteKey(origin, leaf.public, ED25519) for leaf in _log_keys(log, claimed, 0, _FIRST_BUNDLES)]
    if not found:
        raise BadSignature(f"the log {origin[:100]} does not say with which key it signs", hint="give its key with --key")
    return tuple(dict.fromkeys(found))


def _log_keys(log: LogReader, claimed: UnverifiedCheckpoint, first: int, count: int) -> Iterator[KeyLeaf]:
    """Yield the leaves that register log keys in some of the log's bundles; they are not proved to be in it."""
    origin, size = claimed.claimed.origin, claimed.claimed.size
    for index in range(first, min(first + count, -(-size // WIDTH))):
        for entry in log.bundle(index, min(WIDTH, size - index * WIDTH)):
            with suppress(HanseError):
                leaf = parse_leaf(entry)
                if isinstance(leaf, KeyLeaf) and leaf.use is KeyUse.LOG and leaf.origin == origin and leaf.spki:
                    yield leaf


def _check_growth(log: OpenLog, size: int, root: bytes) -> None:
    """Check that the log continues the one seen before; raises RolledBack if it is shorter, BadProof if it is another."""
    if log.size < size:
        raise RolledBack(
            f"{log.origin} had {size} leaves before and shows {log.size} now",
            hint="it was restored from a backup, or shows different readers different logs; keep both checkpoints",
        )
    if 0 < size < log.size:
        verify_consistency(size, root, log.size, log.root, consistency_proof(size, log.size, log.client.tile))


def check_earlier(log: OpenLog, note: bytes) -> int:
    """Check that a checkpoint is one that this log signed, and whose leaves it still has; return its size.

    Raises BadFormat, BadSignature, BadProof, or RolledBack if the log is shorter now.
    """
    earlier = verify_checkpoint(parse_checkpoint(parse_note(note)), *log.verified.by).checkpoint
    if earlier.origin != log.origin:
        raise BadProof(f"the checkpoint is one of {earlier.origin}, this log is {log.origin}")
    if earlier.size == log.size and earlier.root != log.root:
        raise BadProof(f"{log.origin} has another root at {log.size} leaves than the checkpoint")
    _check_growth(log, earlier.size, earlier.root)
    return earlier.size


def known_cosignatures(log: OpenLog, home: Path) -> tuple[tuple[Cosignature, ...], tuple[str, ...]]:
    """Return the cosignatures of cosigners that are known from their own logs, and the names of the others.

    Raises BadSignature if one by a known key does not verify.
    """
    lines = log.verified.note.signatures
    keys: set[NoteKey] = set()
    for line in lines:
        with suppress(HanseError):
            keys |= {parse_vkey(text) for text in read_pins(home, parse_origin(line.name.rpartition("/")[0])).cosigners}
    found = verify_cosignatures(log.verified.checkpoint, lines, keys)
    named = {(one.key.name, one.key.key_id) for one in found} | {(key.name, key.key_id) for key in log.verified.by}
    return found, tuple(line.name for line in lines if (line.name, line.key_id) not in named)


def newest_leaves(log: OpenLog, count: int) -> list[tuple[int, bytes]]:
    """Return the last leaves of the log with their index, each proved to be in it."""
    start = max(0, log.size - count)
    return [(index, prove_leaf(log, index)[1]) for index in range(start, log.size)]


def prove_leaf(log: OpenLog, index: int) -> tuple[TlogProof, bytes]:
    """Return the C2SP tlog-proof of the leaf at `index`, and its bytes.

    Raises BadFormat if there is no such leaf, BadProof if the log's files do not prove it, PeerError.
    """
    path = inclusion_proof(index, log.size, log.client.tile)
    number, at = divmod(index, WIDTH)
    entry = log.client.bundle(number, min(WIDTH, log.size - number * WIDTH))[at]
    verify_inclusion(leaf_hash(entry), index, log.size, log.root, path)
    return TlogProof(index, path, log.note), entry


def check_whole_log(log: OpenLog, home: Path, now: int, advance: Callable[[int], None] = lambda _: None) -> CheckedLog:
    """Read the whole log, replay it, and compare every hash tile; what its keys are is remembered.

    advance: called with the number of leaves taken in. Raises BadProof, BadSignature, Equivocation or TooLarge for the first leaf
    that breaks a rule, and for files that are not those of the checkpoint.
    """
    replay = Replay.start(log.origin)
    keys: list[tuple[int, KeyLeaf]] = []
    edge: dict[str, bytes] = {}
    frontier, files = Frontier(), 0
    for start, entries in _bundles(log):
        growth = grow(start, edge, entries)
        edge = dict(growth.edge)
        files += _compare_tiles(log, dict(growth.objects))
        frontier = frontier.append(map(leaf_hash, entries))
        replay.append(entries)
        keys += [(start + at, leaf) for at, leaf in _key_leaves(entries)]
        advance(len(entries))
    if frontier.root != log.root:
        raise BadProof(f"the leaves of {log.origin} make root {frontier.root.hex()}, its checkpoint has {log.root.hex()}")
    book = KeyBook(log.origin, keys, {})
    _remember_keys(log, book, home, now)
    return CheckedLog(
        log=log,
        keys=book,
        refs=len(replay.refs),
        advisories=len(replay.advisories),
        roots=(replay.refs.root, replay.advisories.root),
        snapshot=replay.snapshot_index,
        covered=replay.covered,
        understood=replay.understood,
        alarms=tuple(one.says for one in replay.alarms),
        files=files,
    )


def _bundles(log: OpenLog) -> Iterator[tuple[int, tuple[bytes, ...]]]:
    for start in range(0, log.size, WIDTH):
        yield start, log.client.bundle(start // WIDTH, min(WIDTH, log.size - start))


def _compare_tiles(log: OpenLog, made: dict[str, bytes]) -> int:
    """Compare the hash tiles that some leaves complete, or that end the log, with those that the log serves."""
    count = 0
    for path, data in made.items():
        name = parse_tile_path(path)
        if name.level is None or not _served(name, log.size):
            continue
        if log.client.tile(name) != data:
            raise BadProof(f"{log.origin} serves a false {path}: its hashes are not those of the leaves")
        count += 1
    return count


def _served(name: TileName, size: int) -> bool:
    """Tell whether a log of `size` leaves has this tile: a full one, or the partial one at its end."""
    level = name.level or 0
    return name.width == WIDTH or name.width == (size >> 8 * level) - name.index * WIDTH


def _key_leaves(entries: tuple[bytes, ...]) -> Iterator[tuple[int, KeyLeaf]]:
    for at, entry in enumerate(entries):
        if b'"kind":"key"' in entry:
            leaf: Leaf = parse_leaf(entry)
            if isinstance(leaf, KeyLeaf):
                yield at, leaf


def _remember_keys(log: OpenLog, book: KeyBook, home: Path, now: int) -> None:
    names = {KeyUse.WITNESS: witness_name(log.origin), KeyUse.MIRROR: mirror_name(log.origin)}
    active = [one for one in book.of(*names) if one.end is None and one.public.fingerprint not in book.distrusted]
    cosigners = frozenset(cosigner_key(names[one.use], one.public).text for one in active)
    vkeys = tuple(key.text for key in log.verified.by)
    seen = LogSeen(log.origin, vkeys, log.size, log.root, log.note, True, book.distrusted, cosigners, whole=True)
    remember(home, (seen,), None, now)
