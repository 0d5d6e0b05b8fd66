"""Asks one cosigner, a witness or mirror, for its cosignature of one checkpoint.

Steps:

1. The request starts from the size at which the cosigner stood last; where it stands at another, it says so and is asked again.
2. Of its answer only lines of its own keys count. They must verify, and must not be of a time that is yet to come.
3. A cosigner that stands at a larger size than the log has is asked for that checkpoint: with the log's own signature under it,
   it shows that the log has lost its end (a backup was restored), and is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hanse.db.cosignatures import Cosignature
from hanse.db.cosigners import Cosigner
from hanse.db.witnesses import origin_hash
from hanse.errors import BadSignature, HanseError, IntegrityError, PeerMisbehaved, SizeConflict
from hanse.peers.client import PeerClient
from hanse.peers.witnessclient import WitnessClient
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint
from hanse.tlog.cosignature import verify_cosignatures
from hanse.tlog.note import NoteKey, SignatureLine, parse_vkey

MAX_AHEAD_SECONDS = 600
"""How far a cosigner's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checkpoint to be cosigned.

    note: signed by the log; keys: the log's; prove: returns the consistency proof from a smaller size; newest: returns how many
    leaves the log has by now.
    """

    checkpoint: Checkpoint
    note: bytes
    keys: tuple[NoteKey, ...]
    prove: Callable[[int], tuple[bytes, ...]]
    newest: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Asked:
    """How asking ended: the size at which the cosigner stands, what it cosigned, and what it answered instead, "" for nothing.

    Neither cosignatures nor failure: to be asked again soon, such as a mirror that has yet to replay the log. shown: a
    checkpoint of ours that our log does not reach.
    """

    size: int
    found: tuple[Cosignature, ...] = ()
    failure: str = ""
    shown: str = ""


def ask(peers: PeerClient, cosigner: Cosigner, target: Target, now: int) -> Asked:
    """Ask a cosigner for a cosignature; what fails is told in the answer, never raised. now: seconds."""
    try:
        return _ask(WitnessClient(peers, cosigner.url), cosigner, target, now)
    except HanseError as error:
        return Asked(cosigner.size, failure=f"{error.code}: {error.message}"[:500])


def _ask(client: WitnessClient, cosigner: Cosigner, target: Target, now: int) -> Asked:
    size = target.checkpoint.size
    try:
        lines = _submit(client, target, min(cosigner.size, size))
    except SizeConflict as told:
        if size < told.size <= target.newest():  # it got a checkpoint since from somebody else; ours is old news
            return Asked(cosigner.size)
        if told.size > size:
            return _ahead(client, cosigner, target, told.size, now)
        lines = _submit(client, target, told.size)
    if not lines:  # a mirror at work; it counts as standing there only once it has cosigned
        return Asked(cosigner.size)
    found = _verified(cosigner, target.checkpoint, lines, now)
    if not found:
        raise PeerMisbehaved(f"{client.url} cosigns with other keys than the one of {cosigner.name}", hint="ask for its vkey")
    return Asked(size, found)


def _submit(client: WitnessClient, target: Target, old: int) -> tuple[SignatureLine, ...]:
    return client.add_checkpoint(UnverifiedRequest(old, target.prove(old), target.note))


def _verified(cosigner: Cosigner, checkpoint: Checkpoint, lines: tuple[SignatureLine, ...], now: int) -> tuple[Cosignature, ...]:
    """Return the cosignatures among `lines` that are the cosigner's own; raises PeerMisbehaved for one that is not good."""
    keys = [parse_vkey(text) for text in cosigner.vkey.splitlines()]
    try:
        found = verify_cosignatures(checkpoint, lines, keys)
    except BadSignature as error:
        raise PeerMisbehaved(f"a cosignature of {cosigner.name} does not verify") from error
    kept = []
    for one in found:
        if not 0 < one.time <= now + MAX_AHEAD_SECONDS:
            raise PeerMisbehaved(f"the clock of {cosigner.name} says {one.time}, ours {now}", hint="set the clock that is wrong")
        line = max((line for line in lines if _is_by(line, one.key)), key=lambda line: line.signature[:8])
        kept.append(_row(cosigner, checkpoint, one.key, one.time, line))
    return tuple(kept)


def _is_by(line: SignatureLine, key: NoteKey) -> bool:
    return (line.name, line.key_id) == (key.name, key.key_id)


def _row(cosigner: Cosigner, checkpoint: Checkpoint, key: NoteKey, time: int, line: SignatureLine) -> Cosignature:
    return Cosignature(
        checkpoint.origin,
        checkpoint.size,
        cosigner.name,
        key.key_id.hex(),
        cosigner.kind,
        checkpoint.root.hex(),
        time,
        line.text,
    )


def _ahead(client: WitnessClient, cosigner: Cosigner, target: Target, size: int, now: int) -> Asked:
    """Return what a cosigner shows of a checkpoint that is larger than the log (step 3)."""
    mine = target.checkpoint
    says = f"{cosigner.name} says that it cosigned size {size} of {mine.origin}, which has {mine.size} leaves here"
    try:
        shown = open_checkpoint(client.checkpoint(origin_hash(mine.origin)), *target.keys)
    except IntegrityError:
        return Asked(cosigner.size, failure=f"{says}; the checkpoint that it shows is not signed by the log")
    if shown.checkpoint.origin != mine.origin or shown.checkpoint.size <= mine.size:
        return Asked(cosigner.size, failure=f"{says}, but shows one of size {shown.checkpoint.size}")
    found = _verified(cosigner, shown.checkpoint, shown.note.signatures, now)
    return Asked(
        shown.checkpoint.size, found, f"{says}: the log signed it, so this log has lost its end", shown.note.data.decode()
    )
