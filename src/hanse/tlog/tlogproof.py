"""C2SP tlog-proof: one text file that shows that an entry is in a log, checked without network.

Its lines: `c2sp.org/tlog-proof@v1`; optionally `extra BASE64`, which nothing authenticates; `index N`; the hashes of the
inclusion proof in base64, one a line; an empty line; the checkpoint as a signed note, with cosignatures.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.errors import BadFormat, TooLarge
from hanse.tlog.checkpoint import VerifiedCheckpoint, open_checkpoint
from hanse.tlog.hashing import HASH_BYTES, MAX_LOG_SIZE
from hanse.tlog.lines import MAX_PATH, base64_text, parse_base64, parse_decimal, parse_path
from hanse.tlog.note import MAX_NOTE_BYTES, NoteKey
from hanse.tlog.proof import verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
MAX_EXTRA_BYTES = 65_536
_MAX_HEAD_CHARS = 2 * MAX_EXTRA_BYTES
MAX_PROOF_BYTES = _MAX_HEAD_CHARS + MAX_NOTE_BYTES


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A proof of which nothing is checked but the form.

    index: of the leaf; path: hashes of the inclusion proof; checkpoint: the signed note as bytes; extra: data for the
    application that nothing authenticates, or None. Raises BadFormat on construction if one is out of its bounds.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_LOG_SIZE:
            raise BadFormat(f"the index of a leaf is between 0 and 2^53 - 1, got {self.index}")
        if len(self.path) > MAX_PATH or any(len(item) != HASH_BYTES for item in self.path):
            raise BadFormat(f"a proof has at most {MAX_PATH} hashes of 32 bytes each, got {len(self.path)}")
        if not 0 < len(self.checkpoint) <= MAX_NOTE_BYTES:
            raise BadFormat(f"a checkpoint has 1 to {MAX_NOTE_BYTES} bytes, got {len(self.checkpoint)}")
        if self.extra is not None and not 0 < len(self.extra) <= MAX_EXTRA_BYTES:
            raise BadFormat(f"extra data has 1 to {MAX_EXTRA_BYTES} bytes, got {len(self.extra)}")

    def encode(self) -> bytes:
        """Return the bytes of the `.tlog-proof` file."""
        extra = [] if self.extra is None else [f"extra {base64_text(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(base64_text, self.path)]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Return the proof in a `.tlog-proof` file; raises BadFormat if it is malformed, TooLarge beyond its bounds."""
    if len(data) > MAX_PROOF_BYTES:
        raise TooLarge(f"a proof has at most {MAX_PROOF_BYTES} bytes, got {len(data)}")
    head, found, checkpoint = data.partition(b"\n\n")
    if not found or len(head) > _MAX_HEAD_CHARS or not head.isascii():
        raise BadFormat(f"a proof is {HEADER}, the index and hashes, an empty line and a checkpoint")
    header, *lines = head.decode("ascii").split("\n")
    if header != HEADER:
        raise BadFormat(f"a proof begins with {HEADER}, got {header[:60]!r}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = parse_base64(lines.pop(0).removeprefix("extra "), "extra data")
    if not lines or not lines[0].startswith("index "):
        raise BadFormat(f"a proof says the index of its leaf, got {(lines or ['nothing'])[0][:60]!r}")
    index = parse_decimal(lines[0].removeprefix("index "), "the index of a leaf")
    return TlogProof(index, parse_path(lines[1:]), checkpoint, extra)


def verify_tlog_proof(proof: TlogProof, leaf_hash: bytes, *log_keys: NoteKey) -> VerifiedCheckpoint:
    """Check that the log with these keys signed the checkpoint and that the leaf with this 32-byte hash is in it; return it.

    Its cosignatures are checked by `hanse.tlog.cosignature.verify_cosignatures`; how many it takes is for policies to say.

    Raises as `open_checkpoint` and `verify_inclusion` do.
    """
    # 1. The leaf hash is the caller's. 2. The log's signature, over its own origin.
    verified = open_checkpoint(proof.checkpoint, *log_keys)
    # 3. Cosignatures: the caller's. 4. Inclusion under the root that was signed.
    head = verified.checkpoint
    verify_inclusion(leaf_hash, proof.index, head.size, head.root, proof.path)
    return verified
