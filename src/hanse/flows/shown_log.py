"""One log as an evidence file shows it, checked: its checkpoint, the leaves under it, its keys, its maps, who cosigned it.

1. The log's key is known: configured, pinned, or (at a first contact) taken from the file.
2. The checkpoint is signed by it and is of this origin.
3. It continues what was seen of this log before, or that is not shown.
4. Every leaf is in the log at its index (RFC 6962), and parses.
5. Keys are those that key leaves register.
6. The newest shown snapshot is the last of the log, if nothing after it could have changed a map.
7. Every map proof leads to a root in that snapshot.
8. Cosignatures of known cosigners verify (`with_cosigners`, once all logs are open: one may register cosigners of another).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hanse.errors import BadFormat, BadProof, BadSignature, HanseError
from hanse.flows.pins import LogSeen, check_log
from hanse.flows.shown_keys import KeyBook
from hanse.flows.trust import Cosigner, Trust, mirror_name, witness_name
from hanse.model.advisory import Advisory
from hanse.model.decision import Known
from hanse.model.digest import Sha256
from hanse.model.evidence import LogEvidence, MapEvidence, MapName, UnverifiedEvidence
from hanse.model.key_leaf import KeyLeaf, KeyUse
from hanse.model.leaf import Leaf, UnknownLeaf, leaf_hash, parse_leaf
from hanse.model.ref_leaf import RefLeaf, RepoLeaf
from hanse.model.repo import Origin, RepoType, parse_origin
from hanse.model.trust_leaf import AdvisoryLeaf, AttestLeaf, SnapshotLeaf
from hanse.tlog.checkpoint import Checkpoint, UnverifiedCheckpoint, VerifiedCheckpoint, parse_checkpoint, verify_checkpoint
from hanse.tlog.cosignature import cosigner_key, verify_cosignatures
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.map import advisory_key, advisory_value, ref_key, ref_value
from hanse.tlog.mapproof import MapProof, verify_absence
from hanse.tlog.mapproof import verify_inclusion as verify_in_map
from hanse.tlog.note import ED25519, NoteKey, parse_note, parse_vkey
from hanse.tlog.proof import verify_consistency, verify_inclusion

KEY_ORIGIN = "key-"
"""How an origin begins that is made from the log's key."""


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A leaf that is in the log. data: its bytes."""

    index: int
    data: bytes
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class ShownLog:
    """A log at a checkpoint that it signed.

    known: where its key is known from; note: the checkpoint with all its signatures; consistent: it is the first that was seen
    of the log, or was shown to continue the one seen before (or, if it is older, to be continued by it); behind: it is older.
    latest: nothing after the snapshot could have changed a map; refs, advisories: what map proofs show under the snapshot.
    in_force: its advisories, as far as they are shown; judged: all of them are (`hanse.flows.shown_advisories`).
    witnesses, mirrors: cosignatures with their times; unknown: names of cosigners that are not known here.
    """

    origin: Origin
    known: Known
    verified: VerifiedCheckpoint
    note: bytes
    leaves: tuple[ShownLeaf, ...]
    book: KeyBook
    consistent: bool
    behind: bool
    snapshot: ShownLeaf | None = None
    latest: bool = False
    refs: Mapping[tuple[str, ...], tuple[int | str, ...] | None] = field(default_factory=dict)
    advisories: Mapping[str, str | None] = field(default_factory=dict)
    in_force: tuple[Advisory, ...] = ()
    judged: bool = False
    witnesses: tuple[tuple[Cosigner, int], ...] = ()
    mirrors: tuple[tuple[Cosigner, int], ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def checkpoint(self) -> Checkpoint:
        """The log's size and root."""
        return self.verified.checkpoint

    @property
    def keys(self) -> tuple[NoteKey, ...]:
        """The log's keys that signed the checkpoint."""
        return self.verified.by

    @property
    def time(self) -> int | None:
        """Time of the newest shown leaf, in its operator's word."""
        times = [one.leaf.time for one in self.leaves if not isinstance(one.leaf, UnknownLeaf)]
        return max(times, default=None)

    def attests(self) -> Iterable[tuple[int, AttestLeaf]]:
        """Yield the shown attest leaves with their index."""
        return ((one.index, one.leaf) for one in self.leaves if isinstance(one.leaf, AttestLeaf))

    def positions(self) -> Iterable[tuple[ShownLeaf, RefLeaf]]:
        """Yield the shown ref leaves."""
        return ((one, one.leaf) for one in self.leaves if isinstance(one.leaf, RefLeaf))


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of opening all logs of an evidence file. failed: a line for each that is false.

    apart: a line for each that contradicts what was seen of it before, and is right otherwise: its operator shows two stories.
    """

    logs: tuple[ShownLog, ...]
    failed: tuple[str, ...]
    apart: Mapping[Origin, str]


def open_logs(evidence: UnverifiedEvidence, trust: Trust) -> Opened:
    """Return every log of an evidence file, opened, or what is wrong with it.

    A log that contradicts what was seen of it is told apart from a false one: each member could make his own log so for some
    readers, and must not keep them from what others publish.
    """
    logs, failed, apart = list[ShownLog](), list[str](), dict[Origin, str]()
    for shown in evidence.logs:
        maps = [one for one in evidence.maps if one.origin == shown.origin]
        try:
            logs.append(open_log(shown, maps, trust))
        except HanseError as error:
            says = f"log {shown.origin}: {error.message}"
            if _contradicts(shown, maps, trust):
                apart[Origin(shown.origin)] = says
            else:
                failed.append(says)
    for stray in {one.origin for one in evidence.maps} - {one.origin for one in evidence.logs}:
        failed.append(f"log {stray}: the evidence has a map proof, but does not show the log")
    return Opened(tuple(logs), tuple(failed), apart)


def _contradicts(shown: LogEvidence, maps: Sequence[MapEvidence], trust: Trust) -> bool:
    """Tell whether nothing is wrong with a log that was not opened, but that it is not the one seen before."""
    pins = trust.seen(shown.origin)
    if pins.log is None:
        return False
    # The key stays known: only the checkpoint is forgotten.
    unseen = replace(pins, log=replace(pins.log, size=0, root=EMPTY_ROOT.hex()))
    try:
        open_log(shown, maps, replace(trust, pins={**trust.pins, shown.origin: unseen}))
    except HanseError:
        return False
    return True


def open_log(shown: LogEvidence, maps: Sequence[MapEvidence], trust: Trust) -> ShownLog:
    """Return what an evidence file shows of one log, every step of this module's list checked.

    maps: proofs against this log's snapshot. A log never met before is opened with the key that the file gives, and is
    `Known.NEW`: whether it counts is for the caller. Raises BadFormat, TooLarge, BadSignature, BadProof or Equivocation.
    """
    leaves = tuple(ShownLeaf(one.index, one.leaf, parse_leaf(one.leaf)) for one in shown.leaves)
    cuts = trust.cuts(shown.origin)
    book = KeyBook(shown.origin, [(one.index, one.leaf) for one in leaves if isinstance(one.leaf, KeyLeaf)], cuts)
    claimed = parse_checkpoint(parse_note(shown.checkpoint))
    keys, known = _log_keys(shown, claimed, book, trust)
    verified = verify_checkpoint(claimed, *keys)
    head = verified.checkpoint
    if head.origin != shown.origin:
        raise BadSignature(f"the checkpoint is of the log {head.origin}, and is shown as one of {shown.origin}")
    _check_distrust(verified, book)
    consistent, behind = _continues(head, shown.checkpoint, trust)
    for one in shown.leaves:
        verify_inclusion(leaf_hash(one.leaf), one.index, head.size, head.root, one.path)
    found = ShownLog(shown.origin, known, verified, shown.checkpoint, leaves, book, consistent, behind)
    return _with_maps(found, maps)


# 1. The log's key.


def _log_keys(
    shown: LogEvidence, claimed: UnverifiedCheckpoint, book: KeyBook, trust: Trust
) -> tuple[tuple[NoteKey, ...], Known]:
    """Return the keys that may sign for the log and where they are known from; raises BadSignature if there is none."""
    origin = shown.origin
    if origin in trust.logs:
        return _followed(trust.logs[origin], book), Known.CONFIGURED
    pinned = trust.seen(origin).log
    told = _told(shown, book)
    if pinned is not None:
        followed = _followed(tuple(parse_vkey(text) for text in pinned.vkeys), book)
        signers = {(line.name, line.key_id) for line in claimed.note.signatures}
        if not told or any((key.name, key.key_id) in signers for key in followed):
            return followed, Known.PINNED
        return told, Known.CHANGED
    if not told:
        raise BadSignature(
            f"the evidence does not say which key the log {origin} signs with", hint="get new evidence from its node"
        )
    return told, Known.NEW


def _told(shown: LogEvidence, book: KeyBook) -> tuple[NoteKey, ...]:
    """Return the keys that the file says the log has; only an origin that is made from the key vouches for it."""
    keys = [parse_vkey(shown.vkey)] if shown.vkey else []
    keys += [NoteKey(shown.origin, one.public, ED25519) for one in book.of(KeyUse.LOG)]
    if any(key.name != shown.origin or key.kind != ED25519 for key in keys):
        raise BadSignature(
            f"the key of the log {shown.origin} is one of {keys[0].name}", hint="a log's key is named by its origin"
        )
    if shown.origin.startswith(KEY_ORIGIN):
        # An origin that nobody chose is made from the log's first key (`hanse.flows.secrets`).
        first = [key for key in keys if shown.origin == KEY_ORIGIN + hashlib.sha256(key.public.raw).hexdigest()[:32]]
        return _followed(tuple(first), book) if first else ()
    return tuple(dict.fromkeys(keys))


def _followed(keys: tuple[NoteKey, ...], book: KeyBook) -> tuple[NoteKey, ...]:
    """Return the known keys and those that they handed over to, signature by signature."""
    later = [
        NoteKey(book.origin, one.public, ED25519)
        for one in book.of(KeyUse.LOG)
        if any(key.public.fingerprint in book.line(one) for key in keys)
    ]
    return tuple(dict.fromkeys((*keys, *later)))


def _check_distrust(verified: VerifiedCheckpoint, book: KeyBook) -> None:
    """Check that a key signed whose word still counts at this size."""
    last = verified.checkpoint.size - 1
    cuts = [(key, book.distrusted.get(key.public.fingerprint)) for key in verified.by]
    if all(cut is not None and last > cut for _, cut in cuts):
        key, cut = cuts[0]
        raise BadSignature(
            f"the log key {key.public.fingerprint[:16]} is distrusted after leaf {cut}, and the checkpoint goes to {last}"
        )


# 3. What was seen before.


def _continues(head: Checkpoint, note: bytes, trust: Trust) -> tuple[bool, bool]:
    """Return whether the checkpoint is consistent with the pinned one, and whether it is older.

    Raises Equivocation for another root of the same size, BadProof for a proof that does not show it.
    """
    origin = Origin(head.origin)
    pinned = trust.seen(origin).log
    if pinned is None:
        return True, False
    check_log(trust.seen(origin), LogSeen(origin, (), head.size, head.root, note, consistent=False))
    if pinned.size == head.size:
        return True, False
    path = trust.growth.get(origin)
    if path is not None and min(pinned.size, head.size) > 0:
        (old, old_root), (new, new_root) = sorted(((pinned.size, bytes.fromhex(pinned.root)), (head.size, head.root)))
        verify_consistency(old, old_root, new, new_root, path)
    consistent = path is not None or min(pinned.size, head.size) == 0
    return consistent, head.size < pinned.size


# 6. and 7. The snapshot and its maps.


def _with_maps(found: ShownLog, maps: Sequence[MapEvidence]) -> ShownLog:
    snapshots = [one for one in found.leaves if isinstance(one.leaf, SnapshotLeaf)]
    if not snapshots:
        if maps:
            raise BadProof(f"the evidence has proofs about maps of {found.origin}, but no snapshot leaf that has their roots")
        return found
    newest = snapshots[-1]
    assert isinstance(newest.leaf, SnapshotLeaf)
    refs: dict[tuple[str, ...], tuple[int | str, ...] | None] = {}
    advisories: dict[str, str | None] = {}
    for one in maps:
        if one.map is MapName.REFS:
            _check_map(bytes.fromhex(newest.leaf.refs), _ref_key(one), _ref_value(one), one)
            refs[one.key] = one.value
        else:
            value = None if one.value is None else advisory_value(Sha256(str(one.value[0])))
            _check_map(bytes.fromhex(newest.leaf.advisories), advisory_key(one.key[1]), value, one)
            advisories[one.key[1]] = None if one.value is None else str(one.value[0])
    return replace(found, snapshot=newest, latest=_is_latest(found, newest), refs=refs, advisories=advisories)


def _is_latest(found: ShownLog, snapshot: ShownLeaf) -> bool:
    """Tell whether every leaf after the snapshot is shown and none could have changed a map."""
    after = [one for one in found.leaves if one.index > snapshot.index]
    if len(after) != found.checkpoint.size - 1 - snapshot.index:
        return False
    return not any(isinstance(one.leaf, RefLeaf | RepoLeaf | AdvisoryLeaf) or _decides(one.leaf) for one in after)


def _decides(leaf: Leaf) -> bool:
    """Tell whether a leaf is an owner's position, or of a kind that is not known here and must be."""
    return (isinstance(leaf, AttestLeaf) and leaf.ref is not None) or (isinstance(leaf, UnknownLeaf) and leaf.must)


def _check_map(root: bytes, key: bytes, value: bytes | None, one: MapEvidence) -> None:
    proof = MapProof.parse(one.proof)
    if value is None:
        verify_absence(root, key, proof)
    else:
        verify_in_map(root, key, value, proof)


def _ref_key(one: MapEvidence) -> bytes:
    _, origin, kind, repo, ref = one.key
    if repo != repo.lower() or kind not in list(RepoType):
        raise BadFormat(f"a map names type and repository as leaves do, in lower case, got {kind[:40]!r} {repo[:120]!r}")
    return ref_key(parse_origin(origin), RepoType(kind), repo, ref)


def _ref_value(one: MapEvidence) -> bytes | None:
    if one.value is None:
        return None
    seq, rev, tree = one.value
    return ref_value(int(seq), str(rev), str(tree))


# 8. Cosigners.


def cosigners_in(log: ShownLog) -> tuple[Cosigner, ...]:
    """Return the witness and mirror keys that a log registers for its operator; nothing for a log met for the first time."""
    if log.known not in (Known.CONFIGURED, Known.PINNED):
        return ()
    names = {KeyUse.WITNESS: witness_name(log.origin), KeyUse.MIRROR: mirror_name(log.origin)}
    return tuple(
        Cosigner(cosigner_key(names[one.use], one.public), log.origin, mirror=one.use is KeyUse.MIRROR)
        for one in log.book.of(*names)
        if one.end is None and one.public.fingerprint not in log.book.distrusted
    )


def with_cosigners(found: ShownLog, cosigners: Iterable[Cosigner]) -> ShownLog:
    """Return the log with the cosignatures of these cosigners, verified.

    Raises BadSignature if one of them does not verify: such a checkpoint is malformed as a whole.
    """
    known = {one.key: one for one in cosigners}
    lines = found.verified.note.signatures
    cosigned = [(known[one.key], one.time) for one in verify_cosignatures(found.checkpoint, lines, known)]
    named = {(key.name, key.key_id) for key in (*known, *found.keys)}
    unknown = tuple(sorted({line.name for line in lines if (line.name, line.key_id) not in named}))
    witnesses = tuple(pair for pair in cosigned if not pair[0].mirror)
    mirrors = tuple(pair for pair in cosigned if pair[0].mirror)
    return replace(found, witnesses=witnesses, mirrors=mirrors, unknown=unknown)
