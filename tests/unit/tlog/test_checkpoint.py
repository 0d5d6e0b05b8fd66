"""Checkpoints (C2SP tlog-checkpoint)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.signers import signer

from hanse.errors import BadFormat, BadProof, BadSignature
from hanse.tlog.checkpoint import (
    Checkpoint,
    UnverifiedCheckpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.note import ED25519, NoteKey, UnverifiedNote, encode_note, parse_note, sign_note

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "signed_notes.json").read_text())
LOG = NoteKey("log.example", signer("log").public, ED25519)
HEAD = Checkpoint("log.example", 7, b"r" * 32)
NOTE = sign_checkpoint(HEAD, signer("log"))


def claimed(text: str) -> UnverifiedCheckpoint:
    """Return what an unsigned note with this text claims."""
    return parse_checkpoint(UnverifiedNote(text, ()))


def test_the_published_checkpoint_parses() -> None:
    """The example of the specification says origin, size and root, and is written the same way."""
    found = parse_checkpoint(parse_note(VECTORS["checkpoint"].encode()))
    assert (found.claimed.origin, found.claimed.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.claimed.text == found.note.text


def test_a_signed_checkpoint_opens() -> None:
    """What the log signed comes back, with the note as it came."""
    opened = open_checkpoint(NOTE, LOG)
    assert opened.checkpoint == HEAD
    assert opened.by == (LOG,)
    assert opened.note.data == NOTE
    assert HEAD.text == "log.example\n7\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n"


def test_signing_is_deterministic() -> None:
    """Ed25519 signs the same checkpoint the same way, so that it can be signed on demand and cached."""
    assert sign_checkpoint(HEAD, signer("log")) == NOTE


def test_a_log_that_changes_keys_opens_under_both() -> None:
    """Signed by the old key, the new one or both, a checkpoint is the log's; a third key's is not."""
    new = NoteKey("log.example", signer("log, later").public, ED25519)
    renewed = sign_checkpoint(HEAD, signer("log, later"))
    both = encode_note(HEAD.text, [line.text for data in (NOTE, renewed) for line in parse_note(data).signatures])
    assert open_checkpoint(renewed, LOG, new).by == (new,)
    assert open_checkpoint(both, LOG, new).by == (LOG, new)
    assert open_checkpoint(both, LOG).by == (LOG,)
    with pytest.raises(BadSignature):
        open_checkpoint(NOTE, new)


def test_the_wrong_key_and_no_key_are_refused() -> None:
    """Only the named log's key opens its checkpoint, whoever else has the name."""
    impostor = NoteKey("log.example", signer("impostor").public, ED25519)
    for keys in ((impostor,), (), (NoteKey("other.example", signer("log").public, ED25519),)):
        with pytest.raises(BadSignature):
            open_checkpoint(NOTE, *keys)


def test_a_log_signs_no_other_origin() -> None:
    """A valid signature under a checkpoint of another origin does not make it the log's."""
    stray = sign_note(Checkpoint("other.example", 7, b"r" * 32).text, "log.example", signer("log"))
    with pytest.raises(BadSignature, match=r"other\.example"):
        open_checkpoint(stray, LOG)


def test_every_bit_of_a_checkpoint_is_protected() -> None:
    """No byte of text, name or signature can be changed."""
    for at in range(len(NOTE)):
        with pytest.raises((BadFormat, BadSignature)):
            open_checkpoint(NOTE[:at] + bytes([NOTE[at] ^ 1]) + NOTE[at + 1 :], LOG)


def test_what_is_believed_is_what_was_signed() -> None:
    """A claim that somebody put beside a good note is not what comes out."""
    forged = UnverifiedCheckpoint(Checkpoint("log.example", 999, bytes(32)), parse_note(NOTE))
    assert verify_checkpoint(forged, LOG).checkpoint == HEAD


def test_the_empty_log_has_one_root() -> None:
    """Size 0 goes with SHA-256 of nothing, and with no other root, even if the log signs it."""
    empty = Checkpoint("log.example", 0, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, signer("log")), LOG).checkpoint == empty
    with pytest.raises(BadProof):
        open_checkpoint(sign_checkpoint(Checkpoint("log.example", 0, bytes(32)), signer("log")), LOG)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log.example\n7\n",
        HEAD.text[:-1],
        HEAD.text + "\n",
        HEAD.text + "extension\n",
        "\n" + HEAD.text,
        HEAD.text.replace("log.example", ""),
        HEAD.text.replace("log.example", "x" * 256),
        HEAD.text.replace("7", "07"),
        HEAD.text.replace("7", "-7"),
        HEAD.text.replace("7", "+7"),
        HEAD.text.replace("7", " 7"),
        HEAD.text.replace("7", "7 "),
        HEAD.text.replace("7", ""),
        HEAD.text.replace("7", "\u0667"),
        HEAD.text.replace("7", str(2**53)),
        HEAD.text.replace("7", "9" * 400),
        HEAD.text.replace("cnJy", "cnJ"),
        HEAD.text.replace("cnJy", "cnJycnJy"),
        HEAD.text.replace("cnI=", "cnI"),
        HEAD.text.replace("cnI=", "cnJ="),
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    """Three lines, no more and no fewer, a plain decimal, 32 bytes in base64; extension lines are refused."""
    with pytest.raises(BadFormat):
        claimed(text)


def test_any_origin_of_the_specification_is_read() -> None:
    """Readers do not assume that an origin looks like an address."""
    assert claimed(HEAD.text.replace("log.example", "go.sum database tree")).claimed.origin == "go.sum database tree"


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("\udc80", 1, bytes(32)),
        ("a", -1, bytes(32)),
        ("a", 2**53, bytes(32)),
        ("a", 1, bytes(31)),
        ("a", 1, b""),
    ],
)
def test_impossible_checkpoints_are_not_made(origin: str, size: int, root: bytes) -> None:
    """Origin, size and root are in their bounds, whoever makes the value."""
    with pytest.raises(BadFormat):
        Checkpoint(origin, size, root)
