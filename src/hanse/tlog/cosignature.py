"""C2SP tlog-cosignature v1.1: timestamped statements of witnesses and mirrors below a checkpoint.

Both kinds are signature lines of the checkpoint's note; what follows the key id is the time as 8 bytes, most significant first,
and a signature. Kind 0x04 is Ed25519 over two lines (`cosignature/v1`, `time T`) and the text of the checkpoint. Kind 0x06 is
ML-DSA-44 over a structure with the cosigner's name, the time, and origin, size and root of the checkpoint.

An Ed25519 cosignature does not commit to the cosigner's name, so each cosigner has a key of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hanse.errors import BadFormat, BadSignature
from hanse.model.publickey import PublicKey, Scheme, Signer
from hanse.tlog.checkpoint import Checkpoint
from hanse.tlog.note import (
    COSIGNATURE,
    ML_DSA_COSIGNATURE,
    NoteKey,
    SignatureLine,
    check_signature,
    known_keys,
    parse_signature_line,
)

MAX_TIME = 2**63 - 1
_TIME_BYTES = 8
_SIGNATURE_BYTES = {COSIGNATURE: 64, ML_DSA_COSIGNATURE: 2420}
_KINDS = {Scheme.ED25519: COSIGNATURE, Scheme.ML_DSA_44: ML_DSA_COSIGNATURE}
_LABEL = b"subtree/v1\n\x00"


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature: whose, and when it was made, in seconds since 1970."""

    key: NoteKey
    time: int


def cosigner_key(name: str, public: PublicKey) -> NoteKey:
    """Return the note key of a cosigner: kind 0x04 for Ed25519, 0x06 for ML-DSA-44; raises BadFormat for ECDSA or a bad name."""
    kind = _KINDS.get(public.scheme)
    if kind is None:
        raise BadFormat(f"a cosigner's key is Ed25519 or ML-DSA-44, got {public.scheme.value}")
    return NoteKey(name, public, kind)


def cosign(checkpoint: Checkpoint, name: str, signer: Signer, time: int) -> str:
    """Return the signature line, without its newline, that says: consistent, and the largest seen at `time`.

    time: seconds since 1970, above 0. The caller has checked the log's signature and the consistency of the checkpoint.

    Raises BadFormat for a time out of bounds, a bad name or an ECDSA key; an effect, as `signer` is one.
    """
    key = cosigner_key(name, signer.public)
    if not 0 < time <= MAX_TIME:
        raise BadFormat(f"the time of a cosignature must be above 0 and below 2^63, got {time}")
    signature = signer.sign(_message(checkpoint, key, time))
    return SignatureLine(name, key.key_id, time.to_bytes(_TIME_BYTES, "big") + signature).text


def verify_cosignature(checkpoint: Checkpoint, line: SignatureLine | str, key: NoteKey) -> int:
    """Check that `line` is the cosignature of `key` under `checkpoint` and return its time, in seconds since 1970.

    The time is the cosigner's word: 0 (allowed for kind 0x06) is no statement about time, one in the future is for the caller to
    refuse.

    Raises BadSignature if it is by another key, does not verify or is malformed; BadFormat if a text is no signature line or
    `key` is no cosigner's.
    """
    found = parse_signature_line(line) if isinstance(line, str) else line
    if key.kind not in _SIGNATURE_BYTES:
        raise BadFormat(f"the key {key.name} is of kind {key.kind:#04x}, which makes no cosignatures")
    if (found.name, found.key_id) != (key.name, key.key_id):
        raise BadSignature(f"a cosignature of {key.name} was expected, got one of {found.name[:60]!r}")
    time = int.from_bytes(found.signature[:_TIME_BYTES], "big")
    if len(found.signature) != _TIME_BYTES + _SIGNATURE_BYTES[key.kind] or time > MAX_TIME:
        raise BadSignature(f"the cosignature of {key.name} is malformed: {len(found.signature)} bytes, time {time}")
    check_signature(key, found.signature[_TIME_BYTES:], _message(checkpoint, key, time))
    return time


def verify_cosignatures(
    checkpoint: Checkpoint, lines: Iterable[SignatureLine], keys: Iterable[NoteKey]
) -> tuple[Cosignature, ...]:
    """Return the cosignatures of `keys` among the signatures of a checkpoint's note: one for each key, its newest.

    Lines of other keys are passed over. Returns nothing where none of `keys` cosigned: how many it takes is for policies to say.

    Raises BadSignature if a line of one of `keys` does not verify: such a note is malformed as a whole. Raises BadFormat if a key
    is no cosigner's or two have the same name and id.
    """
    known, times = known_keys(keys), dict[NoteKey, int]()
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key:
            times[key] = max(verify_cosignature(checkpoint, line, key), times.get(key, 0))
    return tuple(Cosignature(key, time) for key, time in times.items())


def _message(checkpoint: Checkpoint, key: NoteKey, time: int) -> bytes:
    if key.kind == COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{checkpoint.text}".encode()
    start, end = 0, checkpoint.size
    return b"".join(
        (
            _LABEL,
            _vector(key.name),
            time.to_bytes(8, "big"),
            _vector(checkpoint.origin),
            start.to_bytes(8, "big"),
            end.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _vector(text: str) -> bytes:
    """Return a TLS vector of 1 to 255 bytes; key names and origins have no other lengths."""
    data = text.encode()
    return bytes([len(data)]) + data
