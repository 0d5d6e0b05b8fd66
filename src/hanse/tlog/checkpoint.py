"""C2SP tlog-checkpoint v1.0.0: a log's signed statement of its size and root.

The text of the note is three lines: origin, size in decimal, root hash in base64. Extension lines are refused, because nobody
audits them and ML-DSA cosignatures do not cover them. A log's key has the log's origin as its name.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.errors import BadFormat, BadProof, BadSignature
from hanse.model.publickey import Signer
from hanse.tlog.hashing import EMPTY_ROOT, HASH_BYTES, MAX_LOG_SIZE
from hanse.tlog.lines import base64_text, parse_decimal, parse_hash, utf8
from hanse.tlog.note import NoteKey, UnverifiedNote, VerifiedNote, parse_note, sign_note, verify_note

MAX_ORIGIN_BYTES = 255
"""What an ML-DSA cosignature can carry."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: origin line, number of leaves, 32-byte root.

    Raises BadFormat on construction if the origin is empty, longer than 255 bytes or has control characters, the size is not
    between 0 and 2^53 - 1, or the root does not have 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or any(char < " " for char in self.origin) or len(utf8(self.origin)) > MAX_ORIGIN_BYTES:
            raise BadFormat(f"the origin of a checkpoint has 1 to {MAX_ORIGIN_BYTES} bytes, got {self.origin[:60]!r}")
        if not 0 <= self.size <= MAX_LOG_SIZE:
            raise BadFormat(f"a log has 0 to 2^53 - 1 leaves, got {self.size}")
        if len(self.root) != HASH_BYTES:
            raise BadFormat(f"a root has 32 bytes, got {len(self.root)}")

    @property
    def text(self) -> str:
        """The three lines that are signed, each with its newline."""
        return f"{self.origin}\n{self.size}\n{base64_text(self.root)}\n"


@dataclass(frozen=True, slots=True)
class UnverifiedCheckpoint:
    """A note in the form of a checkpoint, no signature checked. claimed: what it says, good for finding the log's key."""

    claimed: Checkpoint
    note: UnverifiedNote


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that its log signed. note: as it came, with signatures of others that are not checked; by: the log's keys."""

    checkpoint: Checkpoint
    note: UnverifiedNote
    by: tuple[NoteKey, ...]


def parse_checkpoint(note: UnverifiedNote) -> UnverifiedCheckpoint:
    """Return the checkpoint that a note claims; raises BadFormat if its text is not exactly the three lines of one."""
    return UnverifiedCheckpoint(_parse_text(note.text), note)


def open_checkpoint(data: bytes, *log_keys: NoteKey) -> VerifiedCheckpoint:
    """Return the checkpoint in `data` after checking that the log signed it.

    log_keys: the keys of one log, of kind 0x01 and named by its origin: more than one while it changes keys. A cosigner's
    signatures are the business of `hanse.tlog.cosignature`.

    Raises BadFormat or TooLarge if it is malformed; BadSignature if none of the keys signed it, one's signature does not verify
    or it is of another log; BadProof if it says size 0 and has another root than the empty log.
    """
    return verify_checkpoint(parse_checkpoint(parse_note(data)), *log_keys)


def verify_checkpoint(found: UnverifiedCheckpoint, *log_keys: NoteKey) -> VerifiedCheckpoint:
    """Return the checkpoint after checking that the log signed it; `open_checkpoint` says what it raises."""
    verified: VerifiedNote = verify_note(found.note, log_keys)
    # Parsed from the text that was verified, whatever `found.claimed` says.
    checkpoint = _parse_text(verified.text)
    for key in verified.by:
        if key.name != checkpoint.origin:
            raise BadSignature(f"the log {key.name} must sign its own checkpoints only, but it signed one of {checkpoint.origin}")
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise BadProof(f"an empty log has root {EMPTY_ROOT.hex()}, got {checkpoint.root.hex()}")
    return VerifiedCheckpoint(checkpoint, found.note, verified.by)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed note of a checkpoint; `signer` holds the log's Ed25519 key, whose name is the origin.

    Raises BadFormat for an origin that cannot name a key or another kind of key; an effect, as `signer` is one.
    """
    return sign_note(checkpoint.text, checkpoint.origin, signer)


def _parse_text(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise BadFormat(f"a checkpoint has 3 lines: origin, size and root, got {len(lines) - 1}", hint="no extension lines")
    return Checkpoint(
        lines[0], parse_decimal(lines[1], "the size of a checkpoint"), parse_hash(lines[2], "the root of a checkpoint")
    )
