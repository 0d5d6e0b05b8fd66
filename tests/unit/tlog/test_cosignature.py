"""Cosignatures of both kinds (C2SP tlog-cosignature)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.signers import MemorySigner, signer

from hanse.errors import BadFormat, BadSignature
from hanse.model.publickey import Scheme
from hanse.tlog.checkpoint import Checkpoint, sign_checkpoint
from hanse.tlog.cosignature import Cosignature, cosign, cosigner_key, verify_cosignature, verify_cosignatures
from hanse.tlog.note import COSIGNATURE, ED25519, ML_DSA_COSIGNATURE, NoteKey, SignatureLine, parse_note, parse_signature_line

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "signed_notes.json").read_text())
HEAD = Checkpoint("log.example", 7, b"r" * 32)
NAME = "witness.example/w1"
TIME = 1_679_315_147
SCHEMES = [Scheme.ED25519, Scheme.ML_DSA_44]
OTHERS = [
    Checkpoint("log2.example", 7, b"r" * 32),
    Checkpoint("log.example", 8, b"r" * 32),
    Checkpoint("log.example", 7, b"s" * 32),
]


def line_with(line: str, *, time: int | None = None, name: str = NAME, key_id: bytes = b"", cut: int = 0) -> SignatureLine:
    """Return a signature line with one part of it changed."""
    found = parse_signature_line(line)
    stamp = found.signature[:8] if time is None else time.to_bytes(8, "big")
    data = stamp + found.signature[8:]
    return SignatureLine(name, key_id or found.key_id, data[: len(data) - cut])


def test_the_published_cosignature_has_the_published_time() -> None:
    """The example of the specification is read as its author meant it: 8 bytes of time, 64 of signature."""
    line = parse_note(VECTORS["checkpoint"].encode()).signatures[1]
    assert line.name == "witness.example.com/w1"
    assert int.from_bytes(line.signature[:8], "big") == VECTORS["cosigned_at"]
    assert len(line.signature) == 72


def test_the_ed25519_message_is_that_of_the_specification() -> None:
    """Header, time and the whole text of the checkpoint, signed by plain Ed25519."""
    found = parse_signature_line(cosign(HEAD, NAME, signer("w"), TIME))
    signer("w").public.verify(found.signature[8:], f"cosignature/v1\ntime 1679315147\n{HEAD.text}".encode())


def test_the_ml_dsa_message_is_that_of_the_specification() -> None:
    """Label, name, time, origin, start 0, size and root, in the encoding of TLS, signed with an empty context."""
    key = signer("w", Scheme.ML_DSA_44)
    found = parse_signature_line(cosign(HEAD, NAME, key, TIME))
    message = b"subtree/v1\n\0" + b"\x12witness.example/w1" + TIME.to_bytes(8, "big") + b"\x0blog.example"
    key.public.verify(found.signature[8:], message + bytes(8) + bytes(7) + b"\x07" + b"r" * 32)
    assert len(found.signature) == 8 + 2420


@pytest.mark.parametrize("scheme", SCHEMES)
def test_cosignatures_verify_and_tell_their_time(scheme: Scheme) -> None:
    """What a cosigner signs, its key verifies, as a text or parsed, and gives the time."""
    key = cosigner_key(NAME, signer("w", scheme).public)
    line = cosign(HEAD, NAME, signer("w", scheme), TIME)
    assert key.kind == (COSIGNATURE if scheme is Scheme.ED25519 else ML_DSA_COSIGNATURE)
    assert verify_cosignature(HEAD, line, key) == verify_cosignature(HEAD, parse_signature_line(line), key) == TIME


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_cosignature_is_of_one_checkpoint_and_time(scheme: Scheme) -> None:
    """Another origin, size or root, an older or newer time: not what was signed."""
    key, line = cosigner_key(NAME, signer("w", scheme).public), cosign(HEAD, NAME, signer("w", scheme), TIME)
    for other in OTHERS:
        with pytest.raises(BadSignature):
            verify_cosignature(other, line, key)
    for time in (0, TIME - 1, TIME + 1, 2**63 - 1, 2**63, 2**64 - 1):
        with pytest.raises(BadSignature):
            verify_cosignature(HEAD, line_with(line, time=time), key)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_cut_and_altered_cosignatures_are_refused(scheme: Scheme) -> None:
    """A signature of another length or with a changed bit does not verify."""
    key, line = cosigner_key(NAME, signer("w", scheme).public), cosign(HEAD, NAME, signer("w", scheme), TIME)
    found = parse_signature_line(line)
    for bad in (found.signature[:8], found.signature[:9], found.signature + b"\0", b"\0" * 3, found.signature[:-1]):
        with pytest.raises(BadSignature):
            verify_cosignature(HEAD, SignatureLine(NAME, key.key_id, bad), key)
    for at in range(0, len(found.signature), len(found.signature) // 36):
        altered = found.signature[:at] + bytes([found.signature[at] ^ 64]) + found.signature[at + 1 :]
        with pytest.raises(BadSignature):
            verify_cosignature(HEAD, SignatureLine(NAME, key.key_id, altered), key)


def test_another_cosigner_is_not_taken_for_this_one() -> None:
    """Name and id must be the key's, and the key must be the one that signed."""
    key, line = cosigner_key(NAME, signer("w").public), cosign(HEAD, NAME, signer("w"), TIME)
    for bad in (line_with(line, name="other"), line_with(line, key_id=b"1234")):
        with pytest.raises(BadSignature):
            verify_cosignature(HEAD, bad, key)
    impostor = cosign(HEAD, NAME, signer("impostor"), TIME)
    with pytest.raises(BadSignature):
        verify_cosignature(HEAD, line_with(impostor, key_id=key.key_id), key)


def test_ml_dsa_commits_to_the_name() -> None:
    """The same key under another name does not verify what it signed under the first."""
    key = signer("w", Scheme.ML_DSA_44)
    other = cosigner_key("other", key.public)
    stolen = line_with(cosign(HEAD, NAME, key, TIME), name="other", key_id=other.key_id)
    with pytest.raises(BadSignature):
        verify_cosignature(HEAD, stolen, other)


def test_a_log_signature_is_no_cosignature() -> None:
    """One key in both uses has two ids, and a checkpoint's own signature never counts as somebody's cosignature."""
    line = parse_note(sign_checkpoint(HEAD, signer("log"))).signatures[0]
    key = cosigner_key("log.example", signer("log").public)
    assert verify_cosignatures(HEAD, [line], [key]) == ()
    with pytest.raises(BadSignature):
        verify_cosignature(HEAD, SignatureLine(key.name, key.key_id, bytes(8) + line.signature), key)
    with pytest.raises(BadFormat):
        verify_cosignature(HEAD, line, NoteKey("log.example", signer("log").public, ED25519))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("time", [-1, 0, 2**63])
def test_impossible_times_are_not_signed(scheme: Scheme, time: int) -> None:
    """A cosigner says when, within what the format can hold; 0 would say nothing."""
    with pytest.raises(BadFormat):
        cosign(HEAD, NAME, signer("w", scheme), time)


def test_ml_dsa_may_leave_the_time_out() -> None:
    """A subtree cosignature with time 0 verifies and says 0, which is older than any age a policy allows."""
    scheme = signer("w", Scheme.ML_DSA_44)
    key = cosigner_key(NAME, scheme.public)
    message = b"subtree/v1\n\0" + b"\x12witness.example/w1" + bytes(8) + b"\x0blog.example" + bytes(15) + b"\x07" + b"r" * 32
    assert verify_cosignature(HEAD, SignatureLine(NAME, key.key_id, bytes(8) + scheme.sign(message)), key) == 0


def test_an_ecdsa_key_cosigns_nothing() -> None:
    """The specification has no such cosignature."""
    with pytest.raises(BadFormat):
        cosigner_key(NAME, signer("w", Scheme.ECDSA_P256).public)
    with pytest.raises(BadFormat):
        cosign(HEAD, NAME, signer("w", Scheme.ECDSA_P256), TIME)


def two() -> tuple[dict[str, MemorySigner], list[NoteKey]]:
    """Return two cosigners by name, of different schemes, and their keys."""
    signers = {"w1": signer("w1"), "w2": signer("w2", Scheme.ML_DSA_44)}
    return signers, [cosigner_key(name, one.public) for name, one in signers.items()]


def test_each_cosigner_counts_once_with_its_newest_time() -> None:
    """Refreshed and repeated lines of one witness are one cosignature; lines of strangers are none."""
    signers, (first, second) = two()
    stranger = cosign(HEAD, "w1", signer("stranger"), TIME + 99)
    lines = [cosign(HEAD, name, one, TIME + step) for step in (1, 2, 0) for name, one in signers.items()]
    parsed = [parse_signature_line(line) for line in [stranger, *lines, lines[0]]]
    assert verify_cosignatures(HEAD, parsed, [first, second]) == (Cosignature(first, TIME + 2), Cosignature(second, TIME + 2))
    assert verify_cosignatures(HEAD, parsed, [second]) == (Cosignature(second, TIME + 2),)
    assert verify_cosignatures(HEAD, parsed, []) == verify_cosignatures(HEAD, [], [first]) == ()


def test_one_false_line_of_a_known_cosigner_spoils_all() -> None:
    """A note with a known cosigner's broken signature was tampered with."""
    signers, keys = two()
    good = parse_signature_line(cosign(HEAD, "w1", signers["w1"], TIME))
    for name, key in zip(signers, keys, strict=True):
        moved = parse_signature_line(cosign(OTHERS[0], name, signers[name], TIME))
        with pytest.raises(BadSignature, match=key.name):
            verify_cosignatures(HEAD, [good, moved], keys)


def test_keys_of_other_kinds_or_ambiguous_ones_are_refused() -> None:
    """A log's key among cosigners is a mistake in a policy, and so are two keys of one name and id."""
    line = parse_note(sign_checkpoint(HEAD, signer("log"))).signatures[0]
    with pytest.raises(BadFormat):
        verify_cosignatures(HEAD, [line], [NoteKey("log.example", signer("log").public, ED25519)])
    key, twin = cosigner_key(NAME, signer("w").public), cosigner_key(NAME, signer("twin").public)
    object.__setattr__(twin, "key_id", key.key_id)
    with pytest.raises(BadFormat):
        verify_cosignatures(HEAD, [], [key, twin])
